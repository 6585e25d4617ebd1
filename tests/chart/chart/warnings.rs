//! `kubectl apply` warns about what is valid and rarely meant, and refuses nothing because of it.

use anyhow::{Context, Result, ensure};
use realtime_tests::{
    Cluster,
    helm::{self, Chart},
    wait,
};
use serde_json::{Value, json};

fn service(mode: &str) -> String {
    json!({"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService", "metadata": {"name": "chat"},
        "spec": {"host": "chat.domain-a.com", "exposure": {"none": {}},
            "origins": {"allow": ["https://app.domain-b.com"], "mode": mode}}})
    .to_string()
}

#[tokio::test]
async fn what_is_valid_and_rarely_meant_is_warned_of_where_the_release_looks() -> Result<()> {
    let cluster = Cluster::start(false).await?;
    for namespace in ["warned", "elsewhere"] {
        cluster.kubectl(&["create", "namespace", namespace], "").await?.good()?;
    }
    let only = ["--show-only", "templates/warnings.yaml"];
    let values = json!({"watchNamespaces": ["warned"]});
    let rendered = helm::template(Chart::Operator, "realtime-system", &values, &only).await?.good()?;
    cluster.kubectl(&["apply", "-f", "-"], &rendered).await?.good()?;
    let dry_run = async |namespace: &str, mode: &str| {
        cluster.kubectl(&["apply", "-n", namespace, "--dry-run=server", "-f", "-"], &service(mode)).await
    };
    // The apiserver compiles new policies once a second.
    let warned = wait::until(wait::DEADLINE, async || {
        let said = dry_run("warned", "Report").await?;
        Ok(said.err.contains("spec.origins.mode: Report").then_some(said))
    });
    let said = warned.await?.context("no warning came")?;
    ensure!(said.good, "a warning refuses nothing: {}", said.err);
    for (namespace, mode) in [("elsewhere", "Report"), ("warned", "Enforce")] {
        let said = dry_run(namespace, mode).await?;
        ensure!(said.good && !said.err.contains("Warning"), "{namespace}, {mode}: {}", said.err);
    }
    Ok(())
}

#[tokio::test]
async fn every_expression_fits_the_definition() -> Result<()> {
    let cluster = Cluster::start(true).await?;
    let only = ["--show-only", "templates/warnings.yaml"];
    let rendered = helm::template(Chart::Operator, "realtime-system", &json!({}), &only).await?.good()?;
    cluster.kubectl(&["apply", "-f", "-"], &rendered).await?.good()?;
    let checked = wait::until(wait::DEADLINE, async || {
        let listed = cluster.kubectl(&["get", "validatingadmissionpolicies", "-o", "json"], "").await?.good()?;
        let listed: Value = serde_json::from_str(&listed)?;
        let items = listed["items"].as_array().context("items")?.clone();
        let done = items.iter().all(|it| it["status"]["observedGeneration"] == it["metadata"]["generation"]);
        Ok(done.then_some(items))
    });
    let policies = checked.await?.context("the policies were not checked")?;
    ensure!(!policies.is_empty(), "there is no policy");
    for policy in policies {
        let found = &policy["status"]["typeChecking"]["expressionWarnings"];
        ensure!(found.is_null(), "{}: {found:#}", policy["metadata"]["name"]);
    }
    Ok(())
}
