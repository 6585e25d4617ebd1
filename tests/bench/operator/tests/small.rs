//! The bench with a handful of services: what it counts holds for any number of them.

use std::time::Duration;

use anyhow::{Result, ensure};
use realtime_operator_bench::{Plan, report, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_costs_ten_requests_and_what_is_at_rest_or_started_anew_writes_nothing() -> Result<()> {
    let second = Duration::from_secs(1);
    let figures =
        run(&Plan { services: 6, share: 4, edits: 2, rest: second, sample: 2, at_once: Some(4), quiet: second })
            .await?;
    let line = report::line(&figures);
    // Eight children, and a status before and after the pods, where they do not come within a second.
    ensure!(figures.writes <= 10.0 && figures.requests <= 12.0, "{:?}\n{line}", (figures.writes, figures.requests));
    ensure!(figures.rest_writes == 0 && figures.restart_writes == 0, "{line}");
    Ok(())
}
