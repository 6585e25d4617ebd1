//! What `/metrics` tells is what docs/metrics.md says, and it is true.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::{
    core::v1::Pod,
    rbac::v1::{PolicyRule, Role},
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use realtime_tests::{Cluster, Operator, Server, Stage};
use serde_json::json;

use crate::{manifests::service, readiness::pods_are_ready};

const DOCS: &str = include_str!("../../docs/metrics.md");
const OWN: &str = "realtime_operator_";

/// A metric without its series: type and names of the labels, by name.
type Metrics = BTreeMap<String, (String, BTreeSet<String>)>;

/// The words between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of the operator's tables, cell by cell.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let (_, section) = DOCS.split_once("\n## The operator\n").expect("docs/metrics.md has a section on the operator");
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let rows = section.lines().filter(|line| line.starts_with('|'));
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
}

fn documented() -> Metrics {
    let of_metric = |cells: Vec<&str>| {
        let [name, of, labels, _] = cells.as_slice() else { return None };
        Some((quoted(name).next()?.to_owned(), ((*of).to_owned(), quoted(labels).map(str::to_owned).collect())))
    };
    rows().filter_map(of_metric).collect()
}

/// A line of a metric: its name, its labels, its value.
fn series(line: &str) -> Option<(&str, BTreeMap<&str, &str>, f64)> {
    let (head, value) = line.rsplit_once(' ')?;
    let (name, labels) = head.split_once('{').unwrap_or((head, ""));
    let labels = labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
    Some((name, labels.map(|(name, value)| (name, value.trim_matches('"'))).collect(), value.parse().ok()?))
}

fn shown(text: &str) -> Metrics {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let of_type = |(family, of): (&str, &str)| {
        let suffix = match of {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(series);
        let lines = lines.filter(|(name, ..)| {
            name.strip_prefix(family).is_some_and(|rest| {
                rest == suffix || (of == "histogram" && ["_bucket", "_sum", "_count"].contains(&rest))
            })
        });
        let labels = lines.flat_map(|(_, labels, _)| labels.into_keys()).filter(|label| *label != "le");
        (format!("{family}{suffix}"), (of.to_owned(), labels.map(str::to_owned).collect()))
    };
    types.map(of_type).collect()
}

/// The value of one series, given as it stands in the text without the prefix.
async fn value(operator: &Operator, of: &str) -> Result<Option<f64>> {
    let text = operator.admin("/metrics").await?.1;
    let line = text.lines().find_map(|line| line.strip_prefix(OWN)?.strip_prefix(of)?.strip_prefix(' ')?.parse().ok());
    Ok(line)
}

async fn counted(stage: &Stage, operator: &Operator, of: &str) -> Result<()> {
    let what = format!("{of} is counted");
    stage.eventually(&what, async || Ok(value(operator, of).await?.filter(|value| *value >= 1.0).map(|_| ()))).await
}

/// A pod of `chat` with this address; there is no kubelet, so what answers there is the test's own.
async fn pod(stage: &Stage, name: &str, ip: &str) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let labels = json!({"app.kubernetes.io/managed-by": "realtime-operator", "app.kubernetes.io/instance": "chat"});
    let pod = json!({"metadata": {"name": name, "labels": labels},
        "spec": {"serviceAccountName": "chat-server", "automountServiceAccountToken": false, "containers": [{"name": "server", "image": "none"}]}});
    pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    let running = json!({"status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}});
    pods.patch_status(name, &PatchParams::default(), &Patch::Merge(&running)).await?;
    Ok(())
}

/// Takes the right to write this resource away, and waits until the apiserver knows.
pub async fn forbid(stage: &Stage, resource: &str) -> Result<()> {
    let roles: Api<Role> = Api::namespaced(stage.client.clone(), &stage.namespace);
    // The servers' own roles name no such resource.
    for mut role in roles.list(&ListParams::default()).await? {
        let grants = |rule: &&mut PolicyRule| rule.resources.iter().flatten().any(|of| of == resource);
        for rule in role.rules.iter_mut().flatten().filter(grants) {
            rule.verbs.retain(|verb| matches!(verb.as_str(), "get" | "list" | "watch"));
        }
        roles.replace(&role.name_any(), &PostParams::default(), &role).await?;
    }
    let account = format!("--as=system:serviceaccount:{}:realtime-operator", stage.namespace);
    let may = ["auth", "can-i", "patch", resource, &account];
    stage
        .eventually("the right is gone", async || Ok(stage.kubectl(&may).await?.out.starts_with("no").then_some(())))
        .await
}

const BY_LOAD: &str =
    "workload: {resources: {requests: {cpu: 250m}}, autoscaling: {minReplicas: 2, maxReplicas: 9, cpu: 60}}";

/// Makes the operator do whatever it can do, and fail at it.
async fn everything(stage: &Stage, operator: &Operator) -> Result<Server> {
    stage.apply(&service("chat", "path: /oursocketio\nworkload: {replicas: 2}")).await?;
    counted(stage, operator, r#"api_requests_total{verb="apply",kind="Deployment",result="success"}"#).await?;
    counted(stage, operator, r#"api_requests_total{verb="status",kind="RealtimeService",result="success"}"#).await?;
    stage.kubectl(&["delete", "configmap", "chat-policy"]).await?.good()?;
    counted(stage, operator, r#"api_requests_total{verb="event",kind="Event",result="success"}"#).await?;
    counted(stage, operator, r#"reconciles_total{outcome="success"}"#).await?;
    counted(stage, operator, r#"reconcile_problems_total{reason="AddressPending"}"#).await?;

    pod(stage, "silent", "127.83.0.2").await?;
    counted(stage, operator, r#"pod_scrapes_total{result="unreachable"}"#).await?;
    let server = Server::start(stage, "127.83.0.1:0", "127.83.0.1:8081").await?;
    pod(stage, "telling", "127.83.0.1").await?;
    counted(stage, operator, r#"pod_scrapes_total{result="success"}"#).await?;
    ensure!(server.handshake("https://other.domain-c.com").await? == 403);
    let here = format!(r#"service_denied_origins{{namespace="{}",name="chat"}}"#, stage.namespace);
    counted(stage, operator, &here).await?;
    ensure!(server.handshake("https://app.domain-b.com").await? == 200);
    counted(stage, operator, &here.replace("denied_origins", "connections")).await?;

    stage.apply(&service("chat", &format!("path: /oursocketio\n{BY_LOAD}"))).await?;
    counted(stage, operator, r#"api_requests_total{verb="handover",kind="Deployment",result="success"}"#).await?;
    let by_connections = "workload: {autoscaling: {minReplicas: 3, maxReplicas: 9, connectionsPerReplica: 1000}}";
    stage.apply(&service("chat", &format!("path: /oursocketio\n{by_connections}"))).await?;
    counted(stage, operator, r#"api_requests_total{verb="scale",kind="Deployment",result="success"}"#).await?;
    counted(stage, operator, r#"scalings_total{reason="below_min_replicas"}"#).await?;
    stage.apply(&service("chat", "path: /oursocketio\nworkload: {replicas: 2}")).await?;
    counted(stage, operator, r#"api_requests_total{verb="delete",kind="HorizontalPodAutoscaler",result="success"}"#)
        .await?;

    stage.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: taken-policy}\n").await?;
    stage.apply(&service("taken", "")).await?;
    counted(stage, operator, r#"api_requests_total{verb="apply",kind="ConfigMap",result="conflict"}"#).await?;
    counted(stage, operator, r#"api_requests_total{verb="get",kind="ConfigMap",result="success"}"#).await?;
    counted(stage, operator, r#"reconciles_total{outcome="foreign_object"}"#).await?;

    stage.apply(&service("wrong", "").replace("https://app.domain-b.com", "https://*.com")).await?;
    counted(stage, operator, r#"reconciles_total{outcome="invalid"}"#).await?;

    stage
        .apply(&service("unloved", "workload: {podTemplate: {spec: {volumes: [{name: no_label, emptyDir: {}}]}}}"))
        .await?;
    counted(stage, operator, r#"api_requests_total{verb="apply",kind="Deployment",result="invalid"}"#).await?;

    // Names of Services lead nowhere on this machine.
    stage.apply(&service("probed", "exposure: {none: {}}\nprobe: {}")).await?;
    stage.says("probed", "Available", "Unknown", "PodsPending").await?;
    pods_are_ready(stage, "probed", 1).await?;
    counted(stage, operator, r#"probes_total{verdict="fail",rung="dns"}"#).await?;

    forbid(stage, "ingresses").await?;
    stage.apply(&service("barred", "")).await?;
    counted(stage, operator, r#"api_requests_total{verb="apply",kind="Ingress",result="forbidden"}"#).await?;
    counted(stage, operator, r#"reconciles_total{outcome="refused"}"#).await?;
    counted(stage, operator, "services_retrying").await?;

    stage.cluster.stop_apiserver().await?;
    counted(stage, operator, r#"watch_interruptions_total{kind="Deployment"}"#).await?;
    counted(stage, operator, r#"watch_interruptions_total{kind="Pod"}"#).await?;
    counted(stage, operator, r#"watch_interruptions_total{kind="RealtimeService"}"#).await?;
    counted(stage, operator, r#"watch_interruptions_total{kind="CustomResourceDefinition"}"#).await?;
    stage.cluster.start_apiserver().await?;
    Ok(server)
}

#[tokio::test]
async fn docs_and_metrics_name_the_same_series() -> Result<()> {
    let cluster = Cluster::start(false).await?;
    cluster.install_backend_config().await?;
    let stage = Stage::on(cluster, "metrics").await?;
    let operator = stage.operator().await?;
    let _server = everything(&stage, &operator).await?;
    let text = operator.admin("/metrics").await?.1;
    assert_eq!(documented(), shown(&text), "docs/metrics.md on the left, /metrics on the right:\n{text}");

    // What the labels say is in the docs too; names of things, reasons and conditions are told elsewhere.
    let words: BTreeSet<_> =
        rows().filter(|cells| cells.len() == 2).flat_map(|cells| quoted(cells[1]).collect::<Vec<_>>()).collect();
    for (name, labels, _) in text.lines().filter(|line| line.starts_with(OWN)).filter_map(series) {
        for label in ["outcome", "verb", "result", "status", "verdict", "rung"] {
            let said = labels.get(label).is_none_or(|word| words.contains(word));
            ensure!(said, "docs/metrics.md lacks {label}={:?} of {name}", labels.get(label));
        }
    }
    Ok(())
}

fn conditions(text: &str, service: &str) -> BTreeSet<String> {
    let of_service = |line: &&str| line.contains("service_condition{") && line.contains(&format!("name=\"{service}\""));
    text.lines().filter(of_service).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_series_of_a_service_are_its_status_survive_a_restart_and_leave_with_it() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "service-series").await?;
    let mut operator = stage.operator().await?;
    forbid(&stage, "poddisruptionbudgets").await?;
    stage.apply(&service("chat", "")).await?;
    // Only with several pods is there a budget.
    stage.apply(&service("barred", "workload: {replicas: 2}")).await?;
    stage.says("barred", "Ready", "False", "Refused").await?;
    stage.says("chat", "Accepted", "True", "Accepted").await?;
    counted(&stage, &operator, "services_retrying").await?;

    for name in ["chat", "barred"] {
        stage
            .eventually("each condition is one series, and none is another", async || {
                let status = stage.services().get(name).await?.status.context("a status")?;
                let place = format!("namespace=\"{}\",name=\"{name}\"", stage.namespace);
                let expected = status.conditions.iter().map(|condition| {
                    let (of, status) = (&condition.type_, &condition.status);
                    format!("{OWN}service_condition{{{place},condition=\"{of}\",status=\"{status}\"}} 1")
                });
                let shown = conditions(&operator.admin("/metrics").await?.1, name);
                Ok((expected.collect::<BTreeSet<_>>() == shown).then_some(()))
            })
            .await?;
    }
    ensure!(value(&operator, "services").await? == Some(2.0));

    operator.terminate()?;
    operator.end(Duration::from_secs(10)).await?;
    let operator = stage.operator().await?;
    stage
        .eventually("the next one shows both services", async || {
            Ok((value(&operator, "services").await? == Some(2.0)).then_some(()))
        })
        .await?;
    let text = operator.admin("/metrics").await?.1;
    let ready = |name: &str, status: &str| format!("name=\"{name}\",condition=\"Ready\",status=\"{status}\"}} 1");
    ensure!(text.contains(&ready("barred", "False")) && text.contains(&ready("chat", "Unknown")), "{text}");

    counted(&stage, &operator, "services_retrying").await?;
    stage.services().delete("barred", &DeleteParams::default()).await?;
    stage
        .eventually("nothing is left of it", async || {
            let text = operator.admin("/metrics").await?.1;
            let gone = !text.contains("name=\"barred\"") && text.contains(&format!("{OWN}services_retrying 0"));
            Ok((gone && text.contains(&format!("{OWN}services 1"))).then_some(()))
        })
        .await?;
    ensure!(!conditions(&operator.admin("/metrics").await?.1, "chat").is_empty(), "the other one is still there");
    Ok(())
}
