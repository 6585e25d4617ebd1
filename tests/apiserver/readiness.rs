//! Ready, on a cluster whose Deployments and Ingresses get their status from the test.

use anyhow::Result;
use kube::api::{Patch, PatchParams};
use realtime_crds::RealtimeServiceStatus;
use realtime_tests::{Child, Cluster, Stage};
use serde_json::{Value, json};

use crate::manifests::{FIVE_LINES, service};

/// Writes the status of a child as its controller would.
pub async fn report(stage: &Stage, kind: &str, name: &str, status: Value) -> Result<()> {
    let patch = json!({"status": status});
    stage.api(Child::of(kind)).patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    Ok(())
}

/// All pods are there and ready.
pub async fn pods_are_ready(stage: &Stage, name: &str, count: u32) -> Result<()> {
    let deployment = stage.child(Child::of("Deployment"), name).await?;
    let generation = &deployment["metadata"]["generation"];
    let status = json!({"observedGeneration": generation, "replicas": count, "updatedReplicas": count,
        "readyReplicas": count, "availableReplicas": count});
    report(stage, "Deployment", name, status).await
}

/// The load balancer has an address.
pub async fn address_is_there(stage: &Stage, name: &str) -> Result<()> {
    report(stage, "Ingress", name, json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}})).await
}

fn since(status: &RealtimeServiceStatus, condition: &str) -> Option<String> {
    let it = status.conditions.iter().find(|it| it.type_ == condition)?;
    Some(it.last_transition_time.0.to_string())
}

#[tokio::test]
async fn ready_is_unknown_on_the_way_and_true_when_clients_can_connect() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "readiness").await?;
    let _operator = stage.operator().await?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;
    stage.says("chat", "Ready", "Unknown", "AddressPending").await?;
    stage.says("chat", "Reconciling", "True", "AddressPending").await?;
    address_is_there(&stage, "chat").await?;
    stage.says("chat", "Ready", "Unknown", "PodsPending").await?;
    let waiting = stage.kubectl(&["wait", "--for=condition=Ready", "rts/chat", "--timeout=30s"]);
    let then = async {
        pods_are_ready(&stage, "chat", 1).await?;
        anyhow::Ok(())
    };
    let (waited, done) = tokio::join!(waiting, then);
    done?;
    waited?.good()?;
    let ready = stage.services().get("chat").await?.status.unwrap_or_default();
    assert_eq!(
        (ready.pods.as_deref(), ready.addresses.as_slice()),
        (Some("1/1"), ["203.0.113.7".to_owned()].as_slice())
    );
    assert!(ready.conditions.iter().all(|it| it.type_ != "Reconciling" && it.type_ != "Stalled"));
    let (accepted, came) = (since(&ready, "Accepted"), since(&ready, "Ready"));

    // A change of the policy alone leaves the pods as they are, and Ready true since it was.
    stage.apply(&FIVE_LINES.replace("https://app.domain-b.com", "https://new.domain-b.com")).await?;
    stage.says("chat", "Ready", "True", "Available").await?;
    let status = stage.services().get("chat").await?.status.unwrap_or_default();
    assert_eq!((since(&status, "Accepted"), since(&status, "Ready")), (accepted, came));
    Ok(())
}

#[tokio::test]
async fn what_somebody_has_to_act_on_is_false_and_stalled() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "stalled").await?;
    let _operator = stage.operator().await?;
    stage.apply(&service("chat", "exposure: {none: {}}\nworkload: {replicas: 2}")).await?;
    stage.says("chat", "Available", "Unknown", "PodsPending").await?;
    pods_are_ready(&stage, "chat", 2).await?;
    stage.says("chat", "Ready", "True", "Available").await?;

    let generation = stage.child(Child::of("Deployment"), "chat").await?["metadata"]["generation"].clone();
    let gave_up = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
        "message": "ReplicaSet \"chat-1\" has timed out progressing."}]);
    let status =
        json!({"observedGeneration": generation, "availableReplicas": 1, "readyReplicas": 1, "conditions": gave_up});
    report(&stage, "Deployment", "chat", status).await?;
    let message = stage.says("chat", "Ready", "False", "PodsFailing").await?;
    stage.holds(message.contains("1 of 2") && message.contains("timed out progressing"), &message).await?;
    stage.says("chat", "Stalled", "True", "PodsFailing").await?;

    // Scaled to nothing: nobody can connect, and the resource says so.
    stage.kubectl(&["scale", "rts/chat", "--replicas=0"]).await?.good()?;
    stage.says("chat", "Available", "False", "ScaledToZero").await.map(|_| ())
}

#[tokio::test]
async fn kubectl_wait_never_returns_for_an_old_generation() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "waited").await?;
    let mut operator = stage.operator().await?;
    stage.apply(&service("chat", "exposure: {none: {}}")).await?;
    stage.says("chat", "Available", "Unknown", "PodsPending").await?;
    pods_are_ready(&stage, "chat", 1).await?;
    stage.says("chat", "Ready", "True", "Available").await?;

    for count in 1..=5 {
        stage
            .apply(&service(
                "chat",
                &format!("exposure: {{none: {{}}}}\nworkload: {{env: [{{name: COUNT, value: \"{count}\"}}]}}"),
            ))
            .await?;
        let wait = ["wait", "--for=condition=Ready", "rts/chat", "--timeout=60s"];
        let waiting = stage.kubectl(&wait);
        tokio::pin!(waiting);
        let rolled = stage.eventually("the change has reached the Deployment", async || {
            let deployment = stage.child(Child::of("Deployment"), "chat").await?;
            let env = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().cloned();
            let value = json!({"name": "COUNT", "value": count.to_string()});
            Ok(env.is_some_and(|env| env.contains(&value)).then_some(()))
        });
        // Nobody has told of new pods yet.
        tokio::select! {
            biased;
            said = &mut waiting => anyhow::bail!("{count}: it returned too early: {said:?}"),
            done = rolled => done?,
        }
        pods_are_ready(&stage, "chat", 1).await?;
        waiting.await?.good()?;
    }

    // Nobody looks at the change: what was True stays there, of the old generation.
    operator.kill().await?;
    stage.apply(&service("chat", "exposure: {none: {}}\nworkload: {replicas: 2}")).await?;
    let said = stage.kubectl(&["wait", "--for=condition=Ready", "rts/chat", "--timeout=2s"]).await?;
    stage.holds(!said.good && said.err.contains("timed out"), &format!("{said:?}")).await
}
