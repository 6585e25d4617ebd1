//! From nothing to a service that pages reach, through an upgrade, and away again.

use anyhow::{Context, Result, ensure};
use realtime_tests::{helm::Chart, wait};
use serde_json::{Value, json};

use crate::support::{SYSTEM, cluster, get, ready, refusals, release, run, serves, service, supported};

/// Uids of the pods with these labels, all of them running.
async fn running(cluster: &local_cluster::LocalCluster, namespace: &str, labels: &str) -> Result<Vec<Value>> {
    let listed = run(cluster, &["get", "pods", "-n", namespace, "-l", labels, "-o", "json"], "").await?;
    let listed: Value = serde_json::from_str(&listed)?;
    let pods = listed["items"].as_array().context("items")?;
    ensure!(!pods.is_empty() && pods.iter().all(|pod| pod["status"]["phase"] == "Running"), "{listed:#}");
    Ok(pods.iter().map(|pod| pod["metadata"]["uid"].clone()).collect())
}

const OPERATORS: &str = "app.kubernetes.io/name=realtime-operator";
const SERVERS: &str = "app.kubernetes.io/name=realtime-server";

#[tokio::test]
#[ignore = "builds release images first, which takes minutes: make test-node"]
async fn a_service_runs_from_the_charts_and_outlives_an_upgrade_and_the_operator() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let cluster = cluster(&["chat"]).await?;
    let operator = release(&cluster, Chart::Operator);
    operator.install(&json!({}), &["--wait", "--timeout=90s"]).await?.good()?;
    ensure!(running(&cluster, SYSTEM, OPERATORS).await?.len() == 1);
    let pod = get(&cluster, SYSTEM, "pods").await?;
    let status = &pod["items"][0]["status"]["containerStatuses"][0];
    ensure!(status["restartCount"] == 0, "{status}");

    run(&cluster, &["apply", "-n", "chat", "-f", "-"], &service(2)).await?;
    ready(&cluster, "chat").await?;
    serves(&cluster, "chat").await?;
    let servers = running(&cluster, "chat", SERVERS).await?;
    ensure!(servers.len() == 2, "{servers:?}");

    // Two of them, and one of those leads.
    operator.upgrade(&json!({"replicas": 2, "log": {"level": "debug"}}), &["--wait", "--timeout=90s"]).await?.good()?;
    let lease = wait::until(wait::DEADLINE, async || {
        let lease = get(&cluster, SYSTEM, "lease/realtime-operator").await?;
        let pods = get(&cluster, SYSTEM, "pods").await?;
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        let names =
            pods["items"].as_array().context("items")?.iter().filter_map(|pod| pod["metadata"]["name"].as_str());
        let names: Vec<_> = names.collect();
        // A process is named after its pod, with something of its own behind that.
        Ok((names.len() == 2 && names.iter().any(|name| holder.starts_with(name))).then_some(()))
    });
    ensure!(lease.await?.is_some(), "none of the two new pods holds the lease");
    let scaled = r#"{"spec":{"workload":{"replicas":1}}}"#;
    run(&cluster, &["patch", "-n", "chat", "rts/chat", "--type=merge", "-p", scaled], "").await?;
    let one = wait::until(wait::DEADLINE, async || {
        Ok(running(&cluster, "chat", SERVERS).await.ok().filter(|pods| pods.len() == 1 && servers.contains(&pods[0])))
    });
    let one = one.await?.context("the new leader does not scale, or it replaces pods")?;
    ready(&cluster, "chat").await?;

    let refused = refusals(&cluster)?;
    ensure!(refused.is_empty(), "{refused:#?}");
    operator.uninstall().await?;
    release(&cluster, Chart::Crds).uninstall().await?;
    ensure!(running(&cluster, "chat", SERVERS).await? == one, "the servers go on without the operator");
    serves(&cluster, "chat").await?;
    ensure!(get(&cluster, "chat", "rts/chat").await?["metadata"]["deletionTimestamp"].is_null());
    // Pods go last, when the garbage collector has seen that their owner went.
    let what = ["get", "all,sa,networkpolicy,role,rolebinding", "-n", SYSTEM, "-l", OPERATORS, "-o", "name"];
    let gone = wait::until(wait::DEADLINE, async || {
        let left = run(&cluster, &what, "").await?;
        ensure!(left.is_empty(), "{left}");
        Ok(Some(()))
    });
    gone.await?.context("the release is gone")?;
    cluster.stop().await
}
