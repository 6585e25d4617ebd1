//! A node with the images, and what is asked of it.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use local_cluster::{LocalCluster, Options, node_support};
use realtime_chart_tests::{images, release::Release};
use realtime_tests::{helm::Chart, kubectl, wait};
use serde_json::{Value, json};

pub const SYSTEM: &str = "realtime-system";
const APP: &str = "https://app.domain-b.com";

/// Says why a test is skipped, where it has to be.
pub fn supported() -> bool {
    let support = node_support();
    if let Err(missing) = &support {
        eprintln!("skipped: {missing}");
    }
    support.is_ok()
}

/// A cluster with one node, the images, the definition, and namespaces in which pods must meet the restricted standard.
pub async fn cluster(namespaces: &[&str]) -> Result<LocalCluster> {
    let built = images::images().await?;
    let assets = LocalCluster::assets(|line| eprintln!("{line}")).await?;
    let cluster = LocalCluster::start(&assets, Options { nodes: 1, audit: true, ..Options::default() }).await?;
    for image in &built {
        cluster.import_image(&image.archive).await?;
    }
    for namespace in [&[SYSTEM], namespaces].concat() {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let object =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}});
        run(&cluster, &["create", "-f", "-"], &object.to_string()).await?;
    }
    release(&cluster, Chart::Crds).install(&json!({}), &["--wait"]).await?.good()?;
    Ok(cluster)
}

pub fn release(cluster: &LocalCluster, chart: Chart) -> Release {
    Release::of(chart, chart.name(), SYSTEM, cluster.kubeconfig().to_owned())
}

pub async fn run(cluster: &LocalCluster, args: &[&str], stdin: &str) -> Result<String> {
    kubectl::run(cluster.kubectl(), args, stdin).await?.good()
}

pub async fn get(cluster: &LocalCluster, namespace: &str, what: &str) -> Result<Value> {
    Ok(serde_json::from_str(&run(cluster, &["get", "-n", namespace, what, "-o", "json"], "").await?)?)
}

pub fn service(pods: u8) -> String {
    json!({"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService", "metadata": {"name": "chat"},
        "spec": {"host": "chat.domain-a.com", "origins": {"allow": [APP]}, "exposure": {"none": {}},
            "timeouts": {"drain": "1s"}, "workload": {"replicas": pods}}})
    .to_string()
}

/// Waits until the condition Ready is True; tells what there is where it does not come.
pub async fn ready(cluster: &LocalCluster, namespace: &str) -> Result<()> {
    let waited =
        run(cluster, &["wait", "-n", namespace, "--for=condition=Ready", "rts/chat", "--timeout=90s"], "").await;
    if let Err(error) = waited {
        let described = run(cluster, &["describe", "-n", namespace, "rts,pods"], "").await?;
        let logs = run(cluster, &["logs", "-n", SYSTEM, "deploy/realtime-operator", "--tail=40"], "").await;
        return Err(error.context(format!("{described}\n{}", logs.unwrap_or_default())));
    }
    Ok(())
}

/// Status of the answer to a polling handshake at the Service's own address.
pub async fn handshake(cluster: &LocalCluster, namespace: &str, origin: &str) -> Result<u16> {
    let service = get(cluster, namespace, "service/chat").await?;
    let (address, port) = (&service["spec"]["clusterIP"], &service["spec"]["ports"][0]["port"]);
    let address: SocketAddr = format!("{}:{port}", address.as_str().context("an address")?).parse()?;
    let url = format!("http://{address}/socket.io/?EIO=4&transport=polling");
    Ok(realtime_tests::http::client().get(url).header("Origin", origin).send().await?.status().as_u16())
}

/// Lets the allowed origin in and no other.
pub async fn serves(cluster: &LocalCluster, namespace: &str) -> Result<()> {
    let allowed =
        wait::until(wait::DEADLINE, async || Ok((handshake(cluster, namespace, APP).await? == 200).then_some(())));
    ensure!(allowed.await?.is_some(), "the allowed origin does not get in");
    let other = handshake(cluster, namespace, "https://other.domain-c.com").await?;
    ensure!(other == 403, "another origin gets {other}");
    Ok(())
}

/// What the apiserver forbade the operator's account.
pub fn refusals(cluster: &LocalCluster) -> Result<Vec<String>> {
    let log = std::fs::read_to_string(cluster.audit_log().context("audit was asked for")?)?;
    let user = format!("\"username\":\"system:serviceaccount:{SYSTEM}:realtime-operator\"");
    let lines = log.lines().filter(|line| line.contains(&user) && line.contains("\"code\":403"));
    Ok(lines.map(str::to_owned).collect())
}
