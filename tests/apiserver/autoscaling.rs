//! The HorizontalPodAutoscaler and people decide on the number of pods in turn, and nobody is left with one pod of many.

use anyhow::{Result, ensure};
use kube::api::{Patch, PatchParams};
use realtime_tests::{Child, Cluster, Stage};
use serde_json::json;

use crate::{gateways::placed, manifests::service};

const FIVE: &str = "workload: {replicas: 5}";
const BY_LOAD: &str =
    "workload: {resources: {requests: {cpu: 250m}}, autoscaling: {minReplicas: 2, maxReplicas: 9, cpu: 60}}";

async fn replicas(stage: &Stage) -> Result<i64> {
    let deployment = stage.child(Child::of("Deployment"), "chat").await?;
    Ok(deployment["spec"]["replicas"].as_i64().unwrap_or(-1))
}

#[tokio::test]
async fn the_number_of_pods_survives_the_handover_to_an_autoscaler_and_back() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "autoscaling").await?;
    let _operator = stage.operator().await?;
    stage.apply(&service("chat", FIVE)).await?;
    placed(&stage).await?;
    ensure!(replicas(&stage).await? == 5);
    ensure!(stage.kinds("chat").await?.contains(&"PodDisruptionBudget"));

    stage.apply(&service("chat", BY_LOAD)).await?;
    stage
        .eventually("the autoscaler is there", async || {
            Ok(stage.kinds("chat").await?.contains(&"HorizontalPodAutoscaler").then_some(()))
        })
        .await?;
    stage.quiet().await?;
    ensure!(replicas(&stage).await? == 5, "nothing falls back to a default of one");

    // As the autoscaler itself does it: by the scale subresource.
    let scaled = json!({"spec": {"replicas": 7}});
    stage
        .api(Child::of("Deployment"))
        .patch_subresource("scale", "chat", &PatchParams::default(), &Patch::Merge(&scaled))
        .await?;
    stage.quiet().await?;
    ensure!(replicas(&stage).await? == 7, "the operator does not fight the autoscaler");
    stage.says("chat", "Available", "Unknown", "PodsPending").await?;
    let pods = stage.services().get("chat").await?.status.unwrap_or_default().pods;
    ensure!(pods.as_deref() == Some("0/7"), "{pods:?}");

    stage.apply(&service("chat", FIVE)).await?;
    stage
        .eventually("people decide again", async || {
            let gone = !stage.kinds("chat").await?.contains(&"HorizontalPodAutoscaler");
            Ok((gone && replicas(&stage).await? == 5).then_some(()))
        })
        .await
}
