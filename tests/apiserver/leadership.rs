//! Of several operators one writes; how they come and go.

use std::time::{Duration, Instant};

use anyhow::Result;
use realtime_tests::{Operator, Stage};

use crate::manifests::{FIVE_LINES, service};

const AT_ONCE: Duration = Duration::from_secs(5);
/// A Lease holds for 15 seconds.
const AFTER_A_CRASH: Duration = Duration::from_secs(25);

async fn leads(operator: &Operator) -> Result<bool> {
    Ok(operator.admin("/metrics").await?.1.contains("realtime_operator_leader 1"))
}

async fn applies(operator: &Operator) -> Result<bool> {
    Ok(operator.admin("/metrics").await?.1.contains("api_requests_total{verb=\"apply\""))
}

#[tokio::test]
async fn of_two_operators_one_writes_and_sigterm_hands_over_at_once() -> Result<()> {
    let stage = Stage::new("two-operators").await?;
    let mut first = stage.operator().await?;
    let second = stage.standby("operator-1").await?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;
    assert!(leads(&first).await? && applies(&first).await?);
    assert!(!leads(&second).await? && !applies(&second).await?);

    let told = Instant::now();
    first.terminate()?;
    let status = first.end(AT_ONCE).await?;
    let ended = told.elapsed();
    second.leads(AFTER_A_CRASH).await?;
    let led = told.elapsed();
    eprintln!("SIGTERM: ended after {ended:?}, the next one leads after {led:?}");
    assert!(status.success(), "{status}");
    assert!(led < AT_ONCE, "the next one leads only after {led:?}");

    stage.apply(&service("more", "")).await?;
    stage.settled("more").await?;
    assert!(applies(&second).await?);
    Ok(())
}

/// As after a renewal that arrived when nobody waited for its answer any more.
#[tokio::test]
async fn a_lease_that_is_not_as_it_was_last_seen_is_given_back_all_the_same() -> Result<()> {
    let stage = Stage::new("changed-lease").await?;
    let first = stage.operator().await?;
    let second = stage.standby("operator-1").await?;
    let lease = stage.kubectl(&["get", "leases", "-o", "name"]).await?.good()?;
    stage.kubectl(&["label", lease.trim(), "seen=no"]).await?.good()?;
    let told = Instant::now();
    first.terminate()?;
    second.leads(AFTER_A_CRASH).await?;
    assert!(told.elapsed() < AT_ONCE, "the next one leads only after {:?}", told.elapsed());
    Ok(())
}

#[tokio::test]
async fn after_a_crash_the_next_one_leads() -> Result<()> {
    let stage = Stage::new("crash").await?;
    let mut first = stage.operator().await?;
    let second = stage.standby("operator-1").await?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;
    let crashed = Instant::now();
    first.kill().await?;
    second.leads(AFTER_A_CRASH).await?;
    eprintln!("crash: the next one leads after {:?}", crashed.elapsed());
    stage.apply(&service("more", "")).await?;
    stage.settled("more").await
}

#[tokio::test]
async fn sigterm_ends_the_operator_in_the_midst_of_its_work() -> Result<()> {
    let stage = Stage::new("sigterm").await?;
    let mut operator = stage.operator().await?;
    let names: Vec<_> = (0..10).map(|number| format!("chat-{number}")).collect();
    let manifests: Vec<_> = names.iter().map(|name| service(name, "")).collect();
    stage.apply(&manifests.join("---\n")).await?;
    operator.terminate()?;
    let status = operator.end(AT_ONCE).await?;
    assert!(status.success(), "{status}");

    let _next = stage.operator().await?;
    stage.all_settled(&names).await
}

#[tokio::test]
async fn of_two_operators_of_one_host_name_one_leads() -> Result<()> {
    let stage = Stage::new("one-host-name").await?;
    let first = stage.operator().await?;
    let second = stage.standby("operator-0").await?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;
    assert!(leads(&first).await? && !leads(&second).await? && !applies(&second).await?);
    stage.kubectl(&["delete", "configmap", "chat-policy"]).await?.good()?;
    let of_own = "jsonpath={.items[?(@.reportingController==\"realtime-operator\")].reportingInstance}";
    let names = ["get", "events.events.k8s.io", "-o", of_own];
    stage
        .eventually("an event tells that it was put back, and names the pod", async || {
            Ok((stage.kubectl(&names).await?.good()? == "operator-0").then_some(()))
        })
        .await
}
