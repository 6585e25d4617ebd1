//! One resource in every state that it can be in, as the apiserver shows it.

use anyhow::Result;
use kube::api::{Patch, PatchParams};
use realtime_tests::{Cluster, Stage};
use serde_json::{Value, json};

use crate::{
    gateways::route_says,
    manifests::service,
    metrics::forbid,
    readiness::{address_is_there, pods_are_ready, report},
};

/// A state, and the object in it.
pub type State = (&'static str, Value);

struct Story {
    stage: Stage,
    states: Vec<State>,
}

impl Story {
    /// Waits until Ready says this, and keeps the object.
    async fn is(&mut self, state: &'static str, status: &str, reason: &str) -> Result<()> {
        self.stage.says("chat", "Ready", status, reason).await?;
        self.keep(state, "chat").await
    }

    async fn keep(&mut self, state: &'static str, name: &str) -> Result<()> {
        self.states.push((state, get(&self.stage, name).await?));
        Ok(())
    }
}

/// States that depend on who else is there: a load balancer, a Gateway, an owner, the apiserver.
async fn others(story: &mut Story) -> Result<()> {
    let stage = &story.stage;
    stage.apply(&service("certified", "exposure: {gke: {managedCertificate: true}}")).await?;
    stage.says("certified", "Ready", "Unknown", "AddressPending").await?;
    address_is_there(stage, "certified").await?;
    stage.says("certified", "Ready", "Unknown", "CertificatePending").await?;
    story.keep("waits for Google's certificate", "certified").await?;
    let failed = json!({"certificateStatus": "ProvisioningFailedPermanently",
        "domainStatus": [{"domain": "certified.domain-a.com", "status": "FailedCaaForbidden"}]});
    report(&story.stage, "ManagedCertificate", "certified", failed).await?;
    story.stage.says("certified", "Ready", "False", "CertificateFailed").await?;
    story.keep("Google refuses the certificate", "certified").await?;

    story.stage.apply(&service("routed", "exposure: {gateway: {parentRefs: [{name: web}]}}")).await?;
    story.stage.says("routed", "Ready", "Unknown", "RoutePending").await?;
    story.keep("waits for a Gateway", "routed").await?;
    route_says(&story.stage, "routed", false).await?;
    story.stage.says("routed", "Ready", "False", "RouteRefused").await?;
    story.keep("a Gateway refuses its route", "routed").await?;

    story.stage.kubectl(&["create", "configmap", "taken-policy"]).await?.good()?;
    story.stage.apply(&service("taken", "")).await?;
    story.stage.says("taken", "Ready", "False", "ForeignObject").await?;
    story.keep("an object of that name is somebody else's", "taken").await?;

    forbid(&story.stage, "poddisruptionbudgets").await?;
    story.stage.apply(&service("barred", "workload: {replicas: 2}")).await?;
    story.stage.says("barred", "Ready", "False", "Refused").await?;
    story.keep("the apiserver refuses an object", "barred").await
}

/// As `kubectl get -o json` has it.
pub async fn get(stage: &Stage, name: &str) -> Result<Value> {
    Ok(serde_json::from_str(&stage.kubectl(&["get", "rts", name, "-o", "json"]).await?.good()?)?)
}

/// All of them, one after the other.
pub async fn captured() -> Result<Vec<State>> {
    let stage = Stage::on(Cluster::without_controllers().await?, "gitops-states").await?;
    let good = service("chat", "");
    stage.apply(&good).await?;
    let mut story = Story { stage, states: Vec::new() };
    story.keep("new, the operator has not seen it", "chat").await?;

    let mut operator = story.stage.operator().await?;
    story.stage.settled("chat").await?;
    story.is("waits for the load balancer's address", "Unknown", "AddressPending").await?;
    address_is_there(&story.stage, "chat").await?;
    story.is("waits for pods", "Unknown", "PodsPending").await?;
    pods_are_ready(&story.stage, "chat", 1).await?;
    story.is("ready", "True", "Available").await?;

    story.stage.apply(&good.replace("https://app.domain-b.com", "https://*.com")).await?;
    story.is("an origin that is refused; what ran goes on", "False", "Invalid").await?;
    story.stage.apply(&service("chat", "paused: true")).await?;
    story.is("paused", "Unknown", "Paused").await?;
    story.stage.apply(&good).await?;
    story.stage.says("chat", "Ready", "True", "Available").await?;

    let rival = service("rival", "").replace("rival.domain-a.com", "chat.domain-a.com");
    story.stage.apply(&rival).await?;
    story.stage.says("rival", "Ready", "False", "HostPathConflict").await?;
    story.keep("its host and path are another's", "rival").await?;
    pods_fail(&story.stage).await?;
    story.is("pods that do not start", "False", "PodsFailing").await?;
    story.stage.kubectl(&["scale", "rts/chat", "--replicas=0"]).await?.good()?;
    story.is("scaled to nothing", "False", "ScaledToZero").await?;
    story.stage.kubectl(&["scale", "rts/chat", "--replicas=1"]).await?.good()?;
    pods_back(&story.stage).await?;
    story.stage.says("chat", "Ready", "True", "Available").await?;
    backplane_is_away(&mut story).await?;
    others(&mut story).await?;

    operator.kill().await?;
    story.stage.apply(&good.replace("https://app.domain-b.com", "https://new.domain-b.com")).await?;
    story.keep("changed, the operator has not seen the change", "chat").await?;
    let held = json!({"metadata": {"finalizers": ["somebody.example/held"]}});
    story.stage.services().patch("chat", &PatchParams::default(), &Patch::Merge(&held)).await?;
    story.stage.kubectl(&["delete", "rts", "chat", "--wait=false"]).await?.good()?;
    story.keep("on its way out", "chat").await?;
    let freed = json!({"metadata": {"finalizers": null}});
    story.stage.services().patch("chat", &PatchParams::default(), &Patch::Merge(&freed)).await?;
    Ok(story.states)
}

async fn pods_fail(stage: &Stage) -> Result<()> {
    let gave_up = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
        "message": "ReplicaSet \"chat-1\" has timed out progressing."}]);
    report(stage, "Deployment", "chat", json!({"availableReplicas": 0, "readyReplicas": 0, "conditions": gave_up}))
        .await
}

async fn pods_back(stage: &Stage) -> Result<()> {
    stage
        .eventually("one pod is asked for again", async || {
            let deployment = stage.child(realtime_tests::Child::of("Deployment"), "chat").await?;
            Ok((deployment["spec"]["replicas"] == 1).then_some(()))
        })
        .await?;
    report(stage, "Deployment", "chat", json!({"conditions": []})).await?;
    pods_are_ready(stage, "chat", 1).await
}

/// No server runs here that could say so: the condition is put in beside those of the operator.
async fn backplane_is_away(story: &mut Story) -> Result<()> {
    let mut object = get(&story.stage, "chat").await?;
    let generation = object["metadata"]["generation"].clone();
    let condition = json!({"type": "BackplaneConnected", "status": "False", "reason": "BackplaneUnreachable",
        "message": "0 of 1 pods reach the backplane.", "observedGeneration": generation,
        "lastTransitionTime": "2026-09-01T08:00:00Z"});
    object["status"]["conditions"].as_array_mut().expect("a list").push(condition);
    story.states.push(("ready, and without its backplane", object));
    Ok(())
}
