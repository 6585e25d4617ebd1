//! Waiting for a condition, with a deadline.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use tokio::{net::TcpStream, time::timeout};

use crate::process::Process;

pub(crate) const DEADLINE: Duration = Duration::from_secs(90);
pub(crate) const POLL: Duration = Duration::from_millis(20);
const ATTEMPT: Duration = Duration::from_millis(250);

/// A condition that does not hold yet, and why.
pub(crate) enum Yet<T> {
    Done(T),
    Not(String),
}

/// Programs whose end makes waiting pointless.
pub(crate) trait Running {
    /// An error if one of them ended.
    fn check(&mut self) -> Result<()>;

    /// The end of the log that says most.
    fn log_tail(&self) -> String;
}

impl Running for Process {
    fn check(&mut self) -> Result<()> {
        Process::check(self)
    }

    fn log_tail(&self) -> String {
        Process::log_tail(self)
    }
}

/// Connects to what is about to listen.
pub(crate) async fn connect(address: SocketAddr, running: &mut impl Running) -> Result<()> {
    let ask = async || {
        // Where nothing answers yet, not even by a refusal, the next attempt may be lucky.
        timeout(ATTEMPT, TcpStream::connect(address)).await??;
        Ok(Yet::Done(()))
    };
    until(&format!("a connection to {address}"), running, ask).await
}

/// Asks until it is done. An error of `ask` is an answer too, as a server that starts refuses connections.
pub(crate) async fn until<T>(
    what: &str,
    running: &mut impl Running,
    mut ask: impl AsyncFnMut() -> Result<Yet<T>>,
) -> Result<T> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let outcome = tokio::time::timeout_at(deadline.into(), ask()).await;
        running.check()?;
        let last = match outcome {
            Ok(Ok(Yet::Done(value))) => return Ok(value),
            Ok(Ok(Yet::Not(reason))) => reason,
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "no answer".to_owned(),
        };
        if Instant::now() >= deadline {
            bail!("{what}: not after {DEADLINE:?} ({last}); the end of the log:\n{}", running.log_tail());
        }
        tokio::time::sleep(POLL).await;
    }
}
