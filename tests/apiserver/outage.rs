//! The API goes away and comes back.

use std::time::{Duration, Instant};

use anyhow::Result;
use kube::api::{DeleteParams, Patch, PatchParams};
use realtime_tests::{Child, Cluster, Stage};
use serde_json::json;

use crate::manifests::FIVE_LINES;

#[tokio::test]
async fn the_api_goes_away_and_comes_back() -> Result<()> {
    let cluster = Cluster::start(false).await?;
    cluster.install_backend_config().await?;
    let stage = Stage::on(cluster, "outage").await?;
    let mut operator = stage.operator().await?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;

    stage.cluster.stop_apiserver().await?;
    // Longer than the Lease holds.
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert!(operator.runs()?, "the operator survives");
    assert_eq!(operator.admin("/healthz").await?.0, 200);
    stage.cluster.start_apiserver().await?;

    let back = Instant::now();
    stage.api(Child::of("Service")).delete("chat", &DeleteParams::default()).await?;
    let patch = json!({"data": {"policy.yaml": "allow: everybody"}});
    stage.api(Child::of("ConfigMap")).patch("chat-policy", &PatchParams::default(), &Patch::Merge(&patch)).await?;
    stage
        .eventually("the drift is healed", async || {
            let policy = stage.child(Child::of("ConfigMap"), "chat").await?;
            let healed = policy["data"]["policy.yaml"] != "allow: everybody" && stage.kinds("chat").await?.len() == 8;
            Ok(healed.then_some(()))
        })
        .await?;
    eprintln!("drift right after an outage of 16 s is healed after {:?}", back.elapsed());
    assert!(operator.runs()?);
    stage.settled("chat").await
}
