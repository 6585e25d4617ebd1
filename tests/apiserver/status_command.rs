//! `kubectl-realtime status`: one screen about a service of a real cluster.

use std::process::Stdio;

use anyhow::{Context, Result};
use realtime_tests::{Child, Cluster, Stage, wait};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{ChildStdout, Command},
};

use crate::{
    diff::{kubectl_realtime, run},
    manifests::service,
    readiness::{address_is_there, pods_are_ready, report},
};

/// Lines of a terminal as it opens.
const SCREEN: usize = 24;

#[tokio::test]
async fn one_screen_tells_a_service_from_its_first_moment_to_its_trouble() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "status-command").await?;
    let admin = stage.kubeconfig_of_admin();
    let of = ["status", "chat", "--namespace", &stage.namespace];
    let none = run(Some(&admin), &of, "").await?;
    stage
        .holds(none.status == Some(2) && none.err.contains("there is no RealtimeService"), &format!("{none:?}"))
        .await?;

    stage.apply(&service("chat", "workload: {replicas: 2}\nprobe: {origin: \"https://app.domain-b.com\"}")).await?;
    let fresh = run(Some(&admin), &of, "").await?;
    stage.holds(fresh.status == Some(1) && fresh.out.contains("no operator has looked at it"), &fresh.out).await?;

    let _operator = stage.operator_with(&["--probes", "false"]).await?;
    stage.settled("chat").await?;
    stage.kubectl(&["delete", "configmap", "chat-policy"]).await?.good()?;
    stage.settled("chat").await?;
    let pending = run(Some(&admin), &of, "").await?;
    stage.holds(pending.status == Some(1), &pending.out).await?;
    for part in [
        "Ready=Unknown AddressPending",
        "the Ingress has no address yet",
        "pods 0/2",
        "Normal Applied: created ConfigMap chat-policy",
    ] {
        stage.holds(pending.out.contains(part), &format!("{part}: {}", pending.out)).await?;
    }
    address_is_there(&stage, "chat").await?;
    pods_are_ready(&stage, "chat", 2).await?;
    stage.says("chat", "Ready", "True", "Available").await?;
    let ready = run(Some(&admin), &of, "").await?;
    stage.holds(ready.status == Some(0), &ready.out).await?;
    let parts = [
        "Ready=True Available",
        "http://chat.domain-a.com/socket.io",
        "is moved ▒ between 48m and 57m ╳ cut by the load balancer at 1h",
        "pods 2/2",
        "Reachable=Unknown ProbesOff",
    ];
    for part in parts {
        stage.holds(ready.out.contains(part), &format!("{part}: {}", ready.out)).await?;
    }
    stage.holds(ready.out.lines().count() <= SCREEN, &ready.out).await?;

    let json = run(Some(&admin), &[&of[..], &["--json"]].concat(), "").await?;
    let json: Value = serde_json::from_str(&json.out)?;
    let verdict = (json["verdict"].as_str(), json["reason"].as_str());
    stage.holds(verdict == (Some("good"), Some("Available")), &json.to_string()).await?;

    // Whoever may read the service alone sees what is in it.
    let reader = run(Some(&stage.kubeconfig_of("chat-server").await?), &of, "").await?;
    stage.holds(reader.status == Some(0) && !reader.out.contains("events"), &format!("{reader:?}")).await
}

async fn until(lines: &mut Lines<BufReader<ChildStdout>>, text: &str) -> Result<()> {
    let found = async {
        while let Some(line) = lines.next_line().await? {
            if line.contains(text) {
                return Ok(());
            }
        }
        anyhow::bail!("it ended before it showed {text:?}")
    };
    tokio::time::timeout(wait::DEADLINE, found).await.with_context(|| format!("it never showed {text:?}"))?
}

#[tokio::test]
async fn watched_it_shows_what_changes_until_it_is_told_to_end() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "status-watch").await?;
    let _operator = stage.operator().await?;
    stage.apply(&service("chat", "exposure: {none: {}}")).await?;
    let mut watching = Command::new(kubectl_realtime().await?)
        .args(["status", "chat", "--watch", "--namespace", &stage.namespace])
        .env("KUBECONFIG", stage.kubeconfig_of_admin())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(watching.stdout.take().context("a piped output")?).lines();
    until(&mut lines, "Ready=Unknown PodsPending").await?;
    pods_are_ready(&stage, "chat", 1).await?;
    until(&mut lines, "Ready=True Available").await?;
    let generation = stage.child(Child::of("Deployment"), "chat").await?["metadata"]["generation"].clone();
    let gave_up = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "no quota."}]);
    let status =
        json!({"observedGeneration": generation, "availableReplicas": 0, "readyReplicas": 0, "conditions": gave_up});
    report(&stage, "Deployment", "chat", status).await?;
    until(&mut lines, "Ready=False PodsFailing").await?;
    watching.kill().await?;
    Ok(())
}
