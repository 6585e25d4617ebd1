//! Waiting for what is to happen: short polls that grow longer, and a deadline.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Long enough for what is looked at again every 30 seconds.
pub const DEADLINE: Duration = Duration::from_secs(75);
const SHORTEST: Duration = Duration::from_millis(30);
const LONGEST: Duration = Duration::from_millis(500);

/// Asks until there is an answer. `None` when the deadline has passed; the error of the last question otherwise, as one in
/// between may be part of what is waited for.
pub async fn until<T>(deadline: Duration, mut probe: impl AsyncFnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    let end = Instant::now() + deadline;
    let mut pause = SHORTEST;
    loop {
        let answer = probe().await;
        if let Ok(Some(answer)) = answer {
            return Ok(Some(answer));
        }
        if Instant::now() >= end {
            return answer;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST);
    }
}
