//! No request without a reason.

use std::time::Duration;

use anyhow::Result;
use realtime_tests::Stage;

use crate::manifests::{FIVE_LINES, service};

const REST: Duration = Duration::from_secs(60);

/// Renewals of the Lease are not counted, nor are watches, which the apiserver ends every few minutes.
#[tokio::test]
async fn at_rest_nothing_is_asked_and_nothing_is_written() -> Result<()> {
    let stage = Stage::new("at-rest").await?;
    let _operator = stage.operator().await?;
    stage.apply(FIVE_LINES).await?;
    stage.apply(&service("inside", "exposure: {none: {}}\nworkload: {replicas: 3}")).await?;
    let by_connections = "workload: {autoscaling: {maxReplicas: 4, connectionsPerReplica: 1000}}";
    stage.apply(&service("counted", &format!("exposure: {{none: {{}}}}\n{by_connections}"))).await?;
    stage.at_rest(&["chat", "inside", "counted"]).await?;
    let audit = stage.audit()?;
    // What is measured is the passing of time.
    tokio::time::sleep(REST).await;
    let requests: Vec<_> = audit.requests()?.into_iter().filter(|request| request.verb != "watch").collect();
    let writes = requests.iter().filter(|request| request.writes()).count();
    eprintln!("at rest for {REST:?}: {writes} writes, {} reads", requests.len() - writes);
    stage.holds(requests.is_empty(), &format!("nothing is asked at rest: {requests:?}")).await
}

#[tokio::test]
async fn a_restart_writes_nothing() -> Result<()> {
    let stage = Stage::new("restart").await?;
    let mut operator = stage.operator().await?;
    stage.apply(FIVE_LINES).await?;
    stage.apply(&service("inside", "exposure: {none: {}}")).await?;
    stage.at_rest(&["chat", "inside"]).await?;
    operator.terminate()?;
    operator.end(Duration::from_secs(10)).await?;

    let audit = stage.audit()?;
    let _operator = stage.operator().await?;
    stage
        .eventually("the new operator has looked at both", async || {
            let metrics = _operator.admin("/metrics").await?.1;
            Ok(metrics.contains("reconciles_total{outcome=\"success\"} 2").then_some(()))
        })
        .await?;
    stage.quiet().await?;
    let writes = audit.writes()?;
    eprintln!("a restart: {} writes, {} reads", writes.len(), audit.requests()?.len() - writes.len());
    stage.holds(writes.is_empty(), &format!("a restart writes nothing: {writes:?}")).await
}
