//! What the charts come to is taken by the real apiserver, field by field.

use anyhow::{Context, Result, ensure};
use local_cluster::{LocalCluster, Options};
use realtime_tests::{
    helm::{self, Chart},
    kubectl,
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// An apiserver with the definitions of the Prometheus operator, and with a namespace where pods must meet `restricted`.
async fn cluster() -> Result<&'static LocalCluster> {
    static CLUSTER: OnceCell<LocalCluster> = OnceCell::const_new();
    CLUSTER
        .get_or_try_init(async || {
            let assets = LocalCluster::assets(|line| eprintln!("{line}")).await?;
            let cluster = LocalCluster::start(&assets, Options::default()).await?;
            let folder = helm::tool("monitoring").await?;
            for plural in ["servicemonitors", "podmonitors", "prometheusrules"] {
                let path = folder.join(format!("monitoring.coreos.com_{plural}.yaml"));
                // Its description alone is too long for the annotation of a client-side apply.
                run(&cluster, &["create", "-f", path.to_str().context("a path is text")?], "").await?;
                let name = format!("crd/{plural}.monitoring.coreos.com");
                run(&cluster, &["wait", "--for=condition=Established", &name, "--timeout=60s"], "").await?;
            }
            for name in ["realtime-system", "a", "b"] {
                run(&cluster, &["create", "namespace", name], "").await?;
            }
            let restricted =
                ["enforce", "warn", "audit"].map(|mode| format!("pod-security.kubernetes.io/{mode}=restricted"));
            let [enforce, warn, audit] = &restricted;
            run(&cluster, &["label", "namespace", "realtime-system", enforce, warn, audit], "").await?;
            Ok(cluster)
        })
        .await
}

async fn run(cluster: &LocalCluster, args: &[&str], stdin: &str) -> Result<String> {
    let said = kubectl::run(cluster.kubectl(), args, stdin).await?;
    let warnings = said.err.clone();
    let out = said.good()?;
    ensure!(!warnings.contains("Warning:"), "{warnings}");
    Ok(out)
}

const MONITORED: &str = r#"{"serviceMonitor": {"enabled": true, "labels": {"release": "prometheus"}},
    "podMonitor": {"enabled": true}, "dashboard": {"enabled": true},
    "prometheusRule": {"enabled": true, "alertLabels": {"team": "realtime"}, "runbookUrl": "https://runbooks.example/"}}"#;

fn variants() -> Result<Vec<Value>> {
    let monitoring: Value = serde_json::from_str(MONITORED)?;
    let from = json!([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]);
    let extra = json!([{"ports": [{"port": 443, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]);
    Ok(vec![
        json!({}),
        json!({"replicas": 2, "monitoring": monitoring, "priorityClassName": "system-cluster-critical",
            "networkPolicy": {"from": from, "egress": {"enabled": true, "extra": extra}},
            "imagePullSecrets": [{"name": "pull"}], "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "nodeSelector": {"kubernetes.io/arch": "amd64"}, "podLabels": {"team": "realtime"}, "podAnnotations": {"a.example/b": "c"},
            "extraEnv": [{"name": "RUST_BACKTRACE", "value": "1"}], "extraArgs": ["--log=debug"],
            "affinity": {"nodeAffinity": {}}, "serviceAccount": {"annotations": {"iam.gke.io/gcp-service-account": "x"}}}),
        json!({"watchNamespaces": ["a", "b"], "monitoring": monitoring, "resources": {}}),
        json!({"leaderElection": {"enabled": false}, "warnings": {"enabled": false}, "networkPolicy": {"enabled": false}}),
    ])
}

#[tokio::test]
async fn the_apiserver_takes_every_field_and_warns_of_none() -> Result<()> {
    let cluster = cluster().await?;
    let strictly = ["apply", "--dry-run=server", "--validate=strict", "-f", "-"];
    for values in variants()? {
        let rendered = helm::template(Chart::Operator, "realtime-system", &values, &[]).await?.good()?;
        let taken = run(cluster, &strictly, &rendered).await.with_context(|| values.to_string())?;
        let (taken, asked) = (taken.lines().count(), helm::documents(&rendered)?.len());
        ensure!(taken == asked, "{taken} of {asked} objects are taken: {values}");
    }
    let definition = helm::template(Chart::Crds, "realtime-system", &json!({}), &[]).await?.good()?;
    run(cluster, &["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"], &definition).await?;
    Ok(())
}

#[tokio::test]
async fn pods_meet_the_restricted_standard() -> Result<()> {
    let cluster = cluster().await?;
    let objects = helm::objects(Chart::Operator, "realtime-system", &json!({})).await?;
    let template = &crate::rendering::only(&objects, "Deployment")?["spec"]["template"];
    let mut pod = template.clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"]["name"] = json!("probe");
    pod["spec"]["serviceAccountName"] = Value::Null;
    let args = ["create", "--dry-run=server", "-n", "realtime-system", "-f", "-"];
    // Without a controller no namespace has its default account, which is looked for after the standard was checked.
    run(cluster, &["create", "serviceaccount", "default", "-n", "realtime-system"], "").await?;
    run(cluster, &args, &pod.to_string()).await?;
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    let said = kubectl::run(cluster.kubectl(), &args, &pod.to_string()).await?;
    ensure!(!said.good && said.err.contains("restricted"), "the standard is not enforced here: {}", said.err);
    Ok(())
}

#[tokio::test]
async fn rules_come_through_helm_as_prometheus_reads_them() -> Result<()> {
    let values = json!({"monitoring": {"prometheusRule": {"enabled": true, "disabled": ["RealtimeServerMemory"],
        "alertLabels": {"team": "realtime"}, "runbookUrl": "https://runbooks.example/"}}});
    let objects = helm::objects(Chart::Operator, "realtime-system", &values).await?;
    let spec = &crate::rendering::only(&objects, "PrometheusRule")?["spec"];
    let shipped: Value =
        serde_saphyr::from_str(&std::fs::read_to_string(Chart::Operator.path().join("files/alerts.yaml"))?)?;
    let of = |rules: &Value| -> Vec<Value> {
        let groups = rules["groups"].as_array().into_iter().flatten();
        groups.flat_map(|group| group["rules"].as_array().into_iter().flatten()).cloned().collect()
    };
    let (rendered, mut expected) = (of(spec), of(&shipped));
    expected.retain(|alert| alert["alert"] != "RealtimeServerMemory");
    for alert in &mut expected {
        let anchor = alert["alert"].as_str().unwrap_or_default().to_lowercase();
        alert["labels"]["team"] = json!("realtime");
        alert["annotations"]["runbook_url"] = json!(format!("https://runbooks.example/{anchor}"));
    }
    ensure!(rendered == expected, "{spec:#}");
    Ok(())
}
