//! What replicas do for one that comes.

use std::time::Duration;

use clap::Args;

use super::duration;

/// Options of replicas that share their connections with new ones.
#[derive(Clone, Copy, Debug, Args)]
pub struct Rebalance {
    /// When a replica has come and all of them then stayed the same for so long, those with more than their share move connections away; "off" for
    /// never. It needs a backplane and recovery.
    #[arg(long, env = "REALTIME_REBALANCE_AFTER", value_name = "DURATION", value_parser = settling, default_value = "30s")]
    pub rebalance_after: Settling,

    /// Time over which that is spread.
    #[arg(long, env = "REALTIME_REBALANCE_OVER", value_name = "DURATION", value_parser = time, default_value = "1m")]
    pub rebalance_over: Duration,
}

/// How long replicas have to be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settling {
    /// Nothing is done for one that comes.
    Off,
    /// So long.
    After(Duration),
}

impl Rebalance {
    /// How long replicas have to be the same, if anything is to be done then.
    #[must_use]
    pub const fn after(self) -> Option<Duration> {
        match self.rebalance_after {
            Settling::Off => None,
            Settling::After(time) => Some(time),
        }
    }
}

fn settling(text: &str) -> Result<Settling, String> {
    if text == "off" {
        return Ok(Settling::Off);
    }
    time(text).map(Settling::After)
}

fn time(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| match (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&time) {
        true => Ok(time),
        false => Err("must be between 1s and 1h".to_owned()),
    })
}
