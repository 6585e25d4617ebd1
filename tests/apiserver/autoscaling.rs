//! The HorizontalPodAutoscaler and people decide on the number of pods in turn, and nobody is left with one pod of many.

use anyhow::{Result, ensure};
use kube::api::{Patch, PatchParams};
use realtime_tests::{Child, Cluster, Stage};
use serde_json::json;

use crate::{gateways::placed, manifests::service};

const FIVE: &str = "workload: {replicas: 5}";
const BY_LOAD: &str =
    "workload: {resources: {requests: {cpu: 250m}}, autoscaling: {minReplicas: 2, maxReplicas: 9, cpu: 60}}";

pub async fn replicas(stage: &Stage) -> Result<i64> {
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

const BY_CONNECTIONS: &str = "workload: {autoscaling: {minReplicas: 2, maxReplicas: 9, connectionsPerReplica: 1000}}";

/// There is no pod here, so no connection is ever counted.
#[tokio::test]
async fn the_number_of_pods_survives_every_change_of_who_decides() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "who-decides").await?;
    let _operator = stage.operator().await?;
    stage.apply(&service("chat", BY_CONNECTIONS)).await?;
    let comes_to = async |number: i64| {
        let what = format!("there are to be {number} pods");
        stage.eventually(&what, async || Ok((replicas(&stage).await? == number).then_some(()))).await?;
        stage.quiet().await?;
        ensure!(replicas(&stage).await? == number, "and that stays");
        Ok(())
    };
    comes_to(2).await?;
    ensure!(!stage.kinds("chat").await?.contains(&"HorizontalPodAutoscaler"));
    let why = stage.says("chat", "ScalingActive", "Unknown", "ConnectionsUnknown").await?;
    ensure!(why.starts_with("There is no pod yet"), "{why}");

    for (then, has_autoscaler) in [(FIVE, false), (BY_CONNECTIONS, false), (BY_LOAD, true), (BY_CONNECTIONS, false)] {
        stage.apply(&service("chat", then)).await?;
        stage
            .eventually(&format!("{then}: a HorizontalPodAutoscaler is {has_autoscaler}"), async || {
                let there = stage.kinds("chat").await?.contains(&"HorizontalPodAutoscaler");
                Ok((there == has_autoscaler).then_some(()))
            })
            .await?;
        comes_to(5).await?;
    }
    let scale = async |to: &str| stage.kubectl(&["scale", "deployment", "chat", to]).await?.good();
    scale("--replicas=7").await?;
    comes_to(7).await?;
    scale("--replicas=12").await?;
    comes_to(9).await?;
    stage.apply(&service("chat", &format!("{BY_CONNECTIONS}\npaused: true"))).await?;
    stage.says("chat", "Programmed", "Unknown", "Paused").await?;
    scale("--replicas=1").await?;
    comes_to(1).await?;
    stage.apply(&service("chat", BY_CONNECTIONS)).await?;
    comes_to(2).await
}

/// What the operator relies on when it scales.
#[tokio::test]
async fn a_deployment_that_has_changed_meanwhile_is_not_scaled() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "scaled-meanwhile").await?;
    let _operator = stage.operator().await?;
    stage.apply(&service("chat", BY_CONNECTIONS)).await?;
    stage
        .eventually("it is scaled", async || {
            let there = stage.api(Child::of("Deployment")).get_opt("chat").await?;
            Ok(there.filter(|it| it.data["spec"]["replicas"] == 2).map(drop))
        })
        .await?;
    stage.quiet().await?;
    let api = stage.api(Child::of("Deployment"));
    let seen = api.get("chat").await?.metadata;
    stage.kubectl(&["scale", "deployment", "chat", "--replicas=3"]).await?.good()?;
    let now = api.get("chat").await?.metadata;
    let scale = async |uid: &Option<String>, version: &Option<String>| {
        let patch = json!({"metadata": {"uid": uid, "resourceVersion": version}, "spec": {"replicas": 6}});
        api.patch_scale("chat", &PatchParams::default(), &Patch::Merge(&patch)).await
    };
    let another = Some("3f4c0b1e-0000-4000-8000-000000000000".to_owned());
    for refused in [scale(&seen.uid, &seen.resource_version).await, scale(&another, &now.resource_version).await] {
        ensure!(matches!(&refused, Err(kube::Error::Api(it)) if it.is_conflict()), "{refused:?}");
    }
    ensure!(replicas(&stage).await? == 3);
    ensure!(scale(&now.uid, &now.resource_version).await.is_ok() && replicas(&stage).await? == 6);
    Ok(())
}
