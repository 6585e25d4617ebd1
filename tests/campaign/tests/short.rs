//! The short profile of every campaign.

use anyhow::{Result, ensure};
use realtime_campaign::{Profile, summary::Campaign};

async fn no_alarms(campaign: Campaign) -> Result<()> {
    let summary = campaign.run(Profile::Short, 1).await?;
    eprintln!("{summary}");
    ensure!(summary.alarms.is_empty(), "{}", summary.alarms.join("\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_write_it_comes_to_the_same_end() -> Result<()> {
    no_alarms(Campaign::Crash).await
}
