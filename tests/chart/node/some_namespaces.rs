//! A release that looks after some namespaces leaves the others alone.

use anyhow::{Context, Result, ensure};
use realtime_tests::{helm::Chart, kubectl};
use serde_json::{Value, json};

use crate::support::{SYSTEM, cluster, get, ready, refusals, release, run, serves, service, supported};

#[tokio::test]
#[ignore = "builds release images first, which takes minutes: make test-node"]
async fn a_release_for_some_namespaces_serves_there_and_may_nothing_elsewhere() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let cluster = cluster(&["mine", "yours"]).await?;
    for namespace in ["yours", "mine"] {
        run(&cluster, &["apply", "-n", namespace, "-f", "-"], &service(1)).await?;
    }
    let values = json!({"watchNamespaces": ["mine"]});
    release(&cluster, Chart::Operator).install(&values, &["--wait", "--timeout=90s"]).await?.good()?;
    ready(&cluster, "mine").await?;
    serves(&cluster, "mine").await?;
    let other = get(&cluster, "yours", "rts/chat").await?;
    ensure!(other["status"].is_null(), "{}", other["status"]);
    let children = run(
        &cluster,
        &[
            "get",
            "deploy,svc,sa,cm",
            "-n",
            "yours",
            "-l",
            "app.kubernetes.io/managed-by=realtime-operator",
            "-o",
            "name",
        ],
        "",
    )
    .await?;
    ensure!(children.is_empty(), "{children}");
    let account = format!("system:serviceaccount:{SYSTEM}:realtime-operator");
    for (verb, resource) in
        [("list", "realtimeservices"), ("create", "deployments"), ("list", "pods"), ("get", "secrets")]
    {
        let asked = ["auth", "can-i", verb, resource, "-n", "yours", "--as", &account];
        let said = kubectl::run(cluster.kubectl(), &asked, "").await?;
        ensure!(said.out.trim() == "no", "{verb} {resource} in yours: {}", said.out);
    }
    let refused = refusals(&cluster)?;
    ensure!(refused.is_empty(), "{refused:#?}");
    let leads: Value = get(&cluster, SYSTEM, "lease/realtime-operator").await?;
    leads["spec"]["holderIdentity"].as_str().context("nobody leads")?;
    cluster.stop().await
}
