//! Waiting for what only a question can tell.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::{Instant, interval};

/// Long enough for a machine that does other things too.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// Long enough for images that have to be built first.
pub const BUILD: Duration = Duration::from_secs(2400);
const INTERVAL: Duration = Duration::from_millis(20);

/// Asks until there is an answer, and gives it with the time that took.
///
/// # Errors
/// When there is none before the deadline; with the error of the last question, as one in between may be part of it.
pub async fn until<T>(what: &str, mut question: impl AsyncFnMut() -> Result<Option<T>>) -> Result<(T, Duration)> {
    let started = Instant::now();
    let mut ticks = interval(INTERVAL);
    loop {
        ticks.tick().await;
        let answer = question().await;
        if let Ok(Some(answer)) = answer {
            return Ok((answer, started.elapsed()));
        }
        if started.elapsed() >= DEADLINE {
            answer.with_context(|| format!("not within {DEADLINE:?}: {what}"))?;
            bail!("not within {DEADLINE:?}: {what}");
        }
    }
}
