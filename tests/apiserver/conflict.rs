//! Two services that want one host and path.

use anyhow::{Result, ensure};
use realtime_tests::Stage;

/// A service of this name that wants this host.
fn wants(name: &str, host: &str) -> String {
    crate::manifests::service(name, "exposure: {gke: {}}").replace(&format!("{name}.domain-a.com"), host)
}

#[tokio::test]
async fn the_later_of_two_is_told_and_gets_its_turn_when_the_first_leaves() -> Result<()> {
    let stage = Stage::new("conflict").await?;
    let operator = stage.operator().await?;
    stage.apply(&wants("first", "one.domain-a.com")).await?;
    stage.settled("first").await?;
    let before = stage.versions("first").await?;

    stage.apply(&wants("second", "one.domain-a.com")).await?;
    let message = stage.says("second", "Accepted", "False", "HostPathConflict").await?;
    stage.holds(message.contains("conflict/first") && message.contains("one.domain-a.com/socket.io"), &message).await?;
    stage.says("second", "Ready", "False", "HostPathConflict").await?;
    ensure!(stage.kinds("second").await?.is_empty(), "nothing of the later one is applied");
    ensure!(before == stage.versions("first").await?, "nothing of the first one changed");

    // A restart forgets nobody's place.
    drop(operator);
    let _operator = stage.operator().await?;
    stage.quiet().await?;
    stage.says("second", "Accepted", "False", "HostPathConflict").await?;
    stage.says("first", "Accepted", "True", "Accepted").await?;

    stage.apply(&wants("first", "two.domain-a.com")).await?;
    stage.says("second", "Accepted", "True", "Accepted").await?;
    // The first comes back to a place that is taken now: what it had goes on.
    stage.apply(&wants("first", "one.domain-a.com")).await?;
    stage.says("first", "Accepted", "False", "HostPathConflict").await?;
    stage.kubectl(&["delete", "rts", "second"]).await?.good()?;
    stage.says("first", "Accepted", "True", "Accepted").await.map(|_| ())
}
