//! `docs/describe.md` holds what `kubectl describe` shows where a person may have to act. `UPDATE_DOCS=1` writes it; otherwise it is compared.

use anyhow::{Context, Result};
use realtime_tests::{Child, Cluster, Stage};
use serde_json::json;

use crate::{
    kubectl_shows::{compare, steady},
    manifests::service,
    readiness::{address_is_there, pods_are_ready, report},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/describe.md");
const INTRODUCTION: &str = "# What kubectl describe shows when something is wrong

Captured from a real cluster by a test, which also fails when this page is stale; `UPDATE_DOCS=1 cargo test --workspace --test apiserver
describe_shows` writes it anew. Left out: what stands before the conditions, and each condition that is True and says nothing more than
that all is well. [All of it, where all is well](kubectl.md). [Every reason](status.md). [What a failed probe says](probe-failures.md).
";

/// A page that grows.
struct Page<'a> {
    stage: &'a Stage,
    text: String,
}

impl Page<'_> {
    async fn capture(&mut self, name: &str, title: &str) -> Result<()> {
        self.stage.quiet().await?;
        let shown = self.stage.kubectl(&["describe", "rts", name]).await?.good()?;
        let part = telling(&steady(&shown)).with_context(|| shown.clone())?;
        self.text += &format!("\n## {title}\n\n```console\n$ kubectl describe rts {name}\n…\n{part}\n```\n");
        Ok(())
    }
}

/// The conditions that a person reads, and the Events.
fn telling(shown: &str) -> Option<String> {
    let (_, events) = shown.split_once("\nEvents:")?;
    let mut lines = vec!["Status:".to_owned()];
    let status = shown.split_once("\nStatus:").map_or("", |(_, status)| status);
    if let Some((_, rest)) = status.split_once("\n  Conditions:\n") {
        lines.push("  Conditions:".to_owned());
        let of_conditions: Vec<_> = rest.lines().take_while(|line| line.starts_with("    ")).collect();
        for condition in of_conditions.chunks(6) {
            let has = |field: &str, value: &str| {
                condition.iter().any(|line| line.trim().replace(' ', "") == format!("{field}:{value}"))
            };
            if !has("Status", "True") || has("Type", "Ready") || has("Type", "Stalled") {
                lines.extend(condition.iter().map(|line| (*line).to_owned()));
            }
        }
    }
    lines.push(format!("…\nEvents:{events}"));
    Some(lines.join("\n"))
}

async fn child_says(stage: &Stage, name: &str, pods: (u32, u32, u32), gave_up: Option<&str>) -> Result<()> {
    let (exist, current, available) = pods;
    let generation = stage.child(Child::of("Deployment"), name).await?["metadata"]["generation"].clone();
    let mut status = json!({"observedGeneration": generation, "replicas": exist, "updatedReplicas": current,
        "readyReplicas": available, "availableReplicas": available});
    if let Some(message) = gave_up {
        let reason = "ProgressDeadlineExceeded";
        status["conditions"] =
            json!([{"type": "Progressing", "status": "False", "reason": reason, "message": message}]);
    }
    report(stage, "Deployment", name, status).await
}

const TOKENS: &str = "exposure: {none: {}}\nauth: {jwt: {issuer: \"https://login.domain-b.com/\", audiences: [chat], \
                      jwks: {secretRef: {name: chat-keys, key: jwks.json}}}}";

#[tokio::test]
async fn what_describe_shows_in_each_state_is_captured() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "shop-at-night").await?;
    let mut page = Page { stage: &stage, text: INTRODUCTION.to_owned() };

    stage.apply(&service("chat", "workload: {replicas: 3}")).await?;
    page.capture("chat", "Fresh: no operator has looked at it").await?;
    let _operator = stage.operator().await?;
    stage.says("chat", "Ready", "Unknown", "AddressPending").await?;
    stage.settled("chat").await?;
    page.capture("chat", "The load balancer is on its way").await?;
    address_is_there(&stage, "chat").await?;
    pods_are_ready(&stage, "chat", 3).await?;
    stage.says("chat", "Ready", "True", "Available").await?;
    page.capture("chat", "Ready").await?;

    stage.apply(&service("chat", "workload: {replicas: 3, podLabels: {team: shop}}")).await?;
    stage.says("chat", "Ready", "Unknown", "PodsPending").await?;
    child_says(&stage, "chat", (4, 1, 3), None).await?;
    stage
        .eventually("a rollout", async || {
            let message = stage.says("chat", "Available", "Unknown", "PodsPending").await?;
            Ok(message.starts_with("1 of 3").then_some(()))
        })
        .await?;
    page.capture("chat", "A rollout").await?;

    let with = |origin: &str| service("typo", "").replace("https://app.domain-b.com", origin);
    let refused = stage.try_apply(&[], &with("https://app.domain-b.com/")).await?.err;
    page.text += &format!(
        "\n## A bad origin, refused by the apiserver\n\n```console\n$ kubectl apply -f typo.yaml\n{}\n```\n",
        refused.trim()
    );
    stage.apply(&with("https://*.co.uk")).await?;
    stage.says("typo", "Ready", "False", "Invalid").await?;
    page.capture("typo", "A bad origin that no schema can tell").await?;

    stage.apply(&service("members", TOKENS)).await?;
    stage.says("members", "Available", "Unknown", "PodsPending").await?;
    child_says(&stage, "members", (1, 1, 0), None).await?;
    page.capture("members", "A Secret is missing").await?;
    let words = "ReplicaSet \"members-5d9c7b6f8\" has timed out progressing.";
    child_says(&stage, "members", (1, 1, 0), Some(words)).await?;
    stage.says("members", "Ready", "False", "PodsFailing").await?;
    page.capture("members", "A Secret is missing, ten minutes later").await?;

    stage.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: news-policy}\n").await?;
    stage.apply(&service("news", "")).await?;
    stage.says("news", "Ready", "False", "ForeignObject").await?;
    page.capture("news", "A name is taken by somebody else").await?;

    stage.apply(&service("second", "").replace("second.domain-a.com", "chat.domain-a.com")).await?;
    stage.says("second", "Ready", "False", "HostPathConflict").await?;
    page.capture("second", "Two services want the same host and path").await?;

    stage.apply(&service("idle", "exposure: {none: {}}\nworkload: {replicas: 0}")).await?;
    stage.says("idle", "Ready", "False", "ScaledToZero").await?;
    page.capture("idle", "Scaled to nothing").await?;
    compare(FILE, &page.text)
}
