//! What the schema cannot see and the operator refuses.

use anyhow::Result;
use realtime_tests::Stage;

use crate::manifests::service;

fn allowing(origins: &str) -> String {
    service("chat", "").replace("[\"https://app.domain-b.com\"]", origins)
}

#[tokio::test]
async fn an_invalid_policy_is_said_with_all_its_problems_and_what_ran_goes_on() -> Result<()> {
    let stage = Stage::new("invalid").await?;
    let _operator = stage.operator().await?;
    stage.apply(&service("chat", "")).await?;
    stage.settled("chat").await?;
    let before = stage.versions("chat").await?;

    stage.apply(&allowing("['https://*.com', 'https://a.*.example.org', 'https://good.example.org']")).await?;
    let message = stage.says("chat", "Accepted", "False", "Invalid").await?;
    for words in [
        "spec.origins.allow[0]",
        "https://*.com",
        "spec.origins.allow[1]",
        "https://a.*.example.org",
        "Nothing was changed",
    ] {
        stage.holds(message.contains(words), &format!("{words:?} in {message:?}")).await?;
    }
    stage.says("chat", "Ready", "False", "Invalid").await?;
    stage.says("chat", "Stalled", "True", "Invalid").await?;
    stage.quiet().await?;
    assert_eq!(before, stage.versions("chat").await?, "the children of the last good generation go on");

    stage.apply(&allowing("['https://good.example.org']")).await?;
    stage.says("chat", "Accepted", "True", "Accepted").await?;
    let policy = stage.child(realtime_tests::Child::of("ConfigMap"), "chat").await?.to_string();
    stage.holds(policy.contains("https://good.example.org"), "the corrected policy is applied").await?;
    let status = stage.services().get("chat").await?.status.unwrap_or_default();
    stage.holds(status.conditions.iter().all(|it| it.type_ != "Stalled"), "Stalled is gone").await
}

#[tokio::test]
async fn one_that_is_invalid_from_the_start_gets_nothing() -> Result<()> {
    let stage = Stage::new("invalid-first").await?;
    let _operator = stage.operator().await?;
    stage.apply(&allowing("['https://*.com']")).await?;
    stage.says("chat", "Accepted", "False", "Invalid").await?;
    stage.quiet().await?;
    assert!(stage.kinds("chat").await?.is_empty());
    let events = stage.kubectl(&["get", "events", "-o", "name"]).await?.good()?;
    assert_eq!(events.lines().count(), 1, "one event:\n{events}");
    Ok(())
}
