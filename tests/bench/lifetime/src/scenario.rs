//! What happens while the clients talk.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::{
    Options,
    account::Account,
    crowd::{Crowd, Kind},
    site::Site,
    usage::Usage,
};

/// Before something happens, and after it is over.
const CALM: u64 = 20;
/// How long Redis is away.
const AWAY: u64 = 10;
/// Age of a WebSocket where none is to be cut, in seconds.
const LONG: u64 = 3600;
/// Pods before more come, and then.
pub const BEFORE: usize = 2;
const SCALED_OUT: usize = 4;
/// The servers wait 30 s and take a minute, and somebody may have to be moved twice.
const SHARING: u64 = 150;
/// Clients of each version.
const FEW: usize = 20;
/// Longest that a change may take.
const LIMIT: Duration = Duration::from_secs(900);

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Nothing but the load balancer's cut.
    Rotation,
    /// The same with rotation switched off.
    RotationOff,
    /// Every pod is replaced.
    Rollout,
    /// Every pod is replaced under clients of every version.
    Versions,
    /// Four pods become one.
    ScaleIn,
    /// Half of the pods become all of them, and the new ones get their share.
    ScaleOut,
    /// A node is drained.
    Drain,
    /// One server is killed.
    Kill,
    /// Another version of the operator's release.
    OperatorUpgrade,
    /// The apiserver is away for a minute.
    Apiserver,
    /// etcd is killed and comes back.
    Etcd,
    /// Nothing at all: no cut, and so no rotation.
    Steady,
    /// Redis is killed twice, and comes back empty.
    Redis,
}

impl Scenario {
    /// In the order in which they are played.
    pub const ALL: [Self; 13] = [
        Self::Rotation,
        Self::RotationOff,
        Self::Rollout,
        Self::Versions,
        Self::ScaleIn,
        Self::ScaleOut,
        Self::Drain,
        Self::Kill,
        Self::OperatorUpgrade,
        Self::Apiserver,
        Self::Etcd,
        Self::Steady,
        Self::Redis,
    ];

    fn has_cut(self) -> bool {
        !matches!(self, Self::Steady | Self::Redis | Self::ScaleOut)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rotation => "nothing but the cut",
            Self::RotationOff => "the cut, rotation switched off",
            Self::Rollout => "rollout of all pods",
            Self::Versions => "rollout, 20 clients each of socket.io-client 4, 3, 2 and python-socketio",
            Self::ScaleIn => "scale-in from 4 to 1",
            Self::ScaleOut => "scale-out from 2 to 4, no cut",
            Self::Drain => "kubectl drain of one node of two",
            Self::Kill => "kill -9 of one server",
            Self::OperatorUpgrade => "operator upgrade",
            Self::Apiserver => "apiserver away for a minute",
            Self::Etcd => "etcd killed and started",
            Self::Steady => "nothing",
            Self::Redis => "Redis killed twice, and empty when it is back",
        })
    }
}

/// Who serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Served {
    /// The bundled server, by a RealtimeService.
    Bundled,
    /// Node with socket.io 4 and its own recovery, by a plain Deployment.
    Node,
}

impl Served {
    /// Whether this can happen to it.
    pub fn can(self, scenario: Scenario) -> bool {
        match self {
            Self::Bundled => true,
            Self::Node => {
                matches!(
                    scenario,
                    Scenario::Rotation
                        | Scenario::Rollout
                        | Scenario::ScaleIn
                        | Scenario::Drain
                        | Scenario::Kill
                        | Scenario::Steady
                        | Scenario::Redis
                )
            }
        }
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bundled => "realtime-operator",
            Self::Node => "plain Node socket.io 4",
        })
    }
}

/// Lets it happen to many clients; what they lived through.
pub async fn play(site: &mut Site, scenario: Scenario, options: &Options) -> Result<(Account, Usage)> {
    let age = if scenario.has_cut() { options.age } else { LONG };
    site.serve(scenario, age).await?;
    let mut crowd = match scenario {
        Scenario::Versions => Crowd::connect(&Kind::ALL, FEW, options.every, site.entrance()).await?,
        _ => Crowd::connect(&[Kind::V4], options.clients, options.every, site.entrance()).await?,
    };
    let before = site.usage().await?;
    match scenario {
        Scenario::Rotation | Scenario::Steady => crowd.pass(options.minutes * 60).await?,
        Scenario::RotationOff => crowd.pass(2 * options.age + CALM).await?,
        Scenario::Rollout
        | Scenario::Versions
        | Scenario::ScaleIn
        | Scenario::ScaleOut
        | Scenario::Drain
        | Scenario::Kill
        | Scenario::OperatorUpgrade
        | Scenario::Apiserver
        | Scenario::Etcd
        | Scenario::Redis => {
            crowd.pass(CALM).await?;
            happen(site, &mut crowd, scenario).await?;
            crowd.pass(CALM).await?;
        }
    }
    let usage = site.usage().await?.since(&before);
    let account = crowd.account().await?;
    site.after(scenario).await?;
    Ok((account, usage))
}

async fn happen(site: &mut Site, crowd: &mut Crowd, scenario: Scenario) -> Result<()> {
    match scenario {
        Scenario::Apiserver => {
            site.cluster.stop_apiserver().await?;
            crowd.pass(60).await?;
            site.cluster.start_apiserver().await?;
        }
        Scenario::Etcd => {
            site.cluster.stop_etcd().await?;
            crowd.pass(5).await?;
            site.cluster.start_etcd().await?;
        }
        Scenario::Rollout | Scenario::Versions => site.replace_pods().await?,
        Scenario::ScaleIn => site.scale(1).await?,
        Scenario::ScaleOut => site.scale(SCALED_OUT).await?,
        Scenario::Drain => site.drain(2).await?,
        Scenario::Kill => site.kill_one().await?,
        Scenario::OperatorUpgrade => site.upgrade_operator().await?,
        Scenario::Redis => {
            for _ in 0..2 {
                site.redis.kill()?;
                crowd.pass(AWAY).await?;
                site.redis.start_again().await?;
                crowd.pass(CALM).await?;
            }
        }
        Scenario::Rotation | Scenario::RotationOff | Scenario::Steady => {}
    }
    let began = Instant::now();
    while !site.is_settled().await.unwrap_or(false) {
        ensure!(began.elapsed() < LIMIT, "it is not over after {LIMIT:?}");
        crowd.pass(1).await?;
    }
    if scenario == Scenario::ScaleOut {
        crowd.pass(SHARING).await?;
    }
    Ok(())
}
