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
async fn any_change_of_the_spec_ends_as_a_fresh_service_does() -> Result<()> {
    no_alarms(Campaign::Mutations).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_write_it_comes_to_the_same_end() -> Result<()> {
    no_alarms(Campaign::Crash).await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_may_be_lost_doubled_and_late() -> Result<()> {
    no_alarms(Campaign::Stale).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_request_fails_it_is_patient_and_comes_to_the_same_end() -> Result<()> {
    no_alarms(Campaign::Faults).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_outlives_the_apiserver_its_store_and_the_controllers() -> Result<()> {
    no_alarms(Campaign::Outages).await
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_never_two_that_write() -> Result<()> {
    no_alarms(Campaign::Leadership).await
}

#[tokio::test(flavor = "multi_thread")]
async fn not_one_byte_of_what_is_somebody_elses_changes() -> Result<()> {
    no_alarms(Campaign::Foreign).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_fights_over_a_field() -> Result<()> {
    no_alarms(Campaign::CoOwners).await
}
