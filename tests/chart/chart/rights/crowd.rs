//! Pods that a real server answers for. There is no kubelet here: the test says where they are.

use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use realtime_tests::{Stage, program};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// The admin port is a fact of the pod template, so each server has an address of its own.
static NEXT: AtomicU8 = AtomicU8::new(1);

const POLICY: &str = "apiVersion: realtime-operator.dev/v1alpha1\nkind: RealtimeService\nmetadata: {name: chat}\n\
    spec: {host: chat.domain-a.com, origins: {allow: [\"https://app.domain-b.com\"]}}\n";

/// Two pods of the service `chat`, whose deletion cost is that of 99 connections while they have none.
pub async fn run_two(stage: &Stage) -> Result<()> {
    // Nobody makes it here, and admission asks for it.
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    stage.apply(&account.to_string()).await?;
    let policy = tempfile::NamedTempFile::new()?;
    std::fs::write(policy.path(), POLICY)?;
    for name in ["chat-a", "chat-b"] {
        let ip = format!("127.82.0.{}", NEXT.fetch_add(1, Ordering::Relaxed));
        serve(policy.path(), &ip).await?;
        let labels = json!({"app.kubernetes.io/managed-by": "realtime-operator", "app.kubernetes.io/instance": "chat"});
        let annotations = json!({"controller.kubernetes.io/pod-deletion-cost": "99"});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels, "annotations": annotations},
            "spec": {"containers": [{"name": "server", "image": "realtime-server"}]}});
        stage.apply(&pod.to_string()).await?;
        let pods: Api<Pod> = Api::namespaced(stage.client.clone(), &stage.namespace);
        let running = json!({"status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}});
        pods.patch_status(name, &PatchParams::default(), &Patch::Merge(&running)).await?;
    }
    Ok(())
}

/// A server that ends with the test.
async fn serve(policy: &std::path::Path, ip: &str) -> Result<()> {
    let mut command = Command::new(program::server().await?);
    command.arg("--policy-file").arg(policy).args([
        "--listen",
        &format!("{ip}:0"),
        "--admin-listen",
        &format!("{ip}:8081"),
    ]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().context("failed to start the server")?;
    let mut lines = BufReader::new(child.stdout.take().context("a pipe")?).lines();
    let line = lines.next_line().await?.context("the server says where it listens")?;
    ensure!(line.contains("listening"), "{line}");
    tokio::spawn(async move { child.wait().await });
    Ok(())
}
