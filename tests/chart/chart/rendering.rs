//! What the charts come to.

use anyhow::{Context, Result, ensure};
use realtime_chart_tests::file;
use realtime_operator::plan::Kind;
use realtime_tests::helm::{self, Chart};
use serde_json::{Value, json};

/// The one object of this kind.
pub fn only<'a>(objects: &'a [Value], kind: &str) -> Result<&'a Value> {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    let first = found.next().with_context(|| format!("no {kind} is rendered"))?;
    ensure!(found.next().is_none(), "several objects of kind {kind} are rendered");
    Ok(first)
}

pub async fn operator(values: Value) -> Result<Vec<Value>> {
    helm::objects(Chart::Operator, "realtime-system", &values).await
}

#[test]
fn the_chart_has_the_definition_of_today() -> Result<()> {
    let read = |path: &str| std::fs::read_to_string(file(path)).with_context(|| path.to_owned());
    let (made, shipped) =
        (read("crds/realtimeservices.yaml")?, read("charts/realtime-crds/files/realtimeservices.yaml")?);
    ensure!(made == shipped, "charts/realtime-crds/files/realtimeservices.yaml is stale: run `make definitions`");
    Ok(())
}

#[tokio::test]
async fn the_definition_is_whole_and_stays_when_its_release_goes() -> Result<()> {
    let made: Value = serde_saphyr::from_str(&std::fs::read_to_string(file("crds/realtimeservices.yaml"))?)?;
    for keep in [true, false] {
        let objects = helm::objects(Chart::Crds, "realtime-system", &json!({"keep": keep})).await?;
        let definition = only(&objects, "CustomResourceDefinition")?;
        ensure!(definition["spec"] == made["spec"], "the definition is changed on its way through helm");
        ensure!(definition["metadata"]["name"] == made["metadata"]["name"]);
        let policy = &definition["metadata"]["annotations"]["helm.sh/resource-policy"];
        ensure!(*policy == if keep { json!("keep") } else { Value::Null }, "keep: {keep} gives {policy}");
    }
    Ok(())
}

#[tokio::test]
async fn the_charts_are_of_the_programs_version() -> Result<()> {
    for chart in Chart::ALL {
        let about: Value = serde_saphyr::from_str(&std::fs::read_to_string(chart.path().join("Chart.yaml"))?)?;
        let version = env!("CARGO_PKG_VERSION");
        ensure!(about["version"] == version && about["appVersion"] == version, "{chart:?}: {about}");
    }
    Ok(())
}

/// What the operator may do with a resource, by the rules of a role.
fn verbs<'a>(rules: &'a [Value], group: &str, resource: &str) -> Vec<&'a str> {
    let has = |list: &Value, word: &str| list.as_array().is_some_and(|words| words.iter().any(|it| it == word));
    let matching = rules.iter().filter(|rule| has(&rule["apiGroups"], group) && has(&rule["resources"], resource));
    matching.flat_map(|rule| rule["verbs"].as_array().into_iter().flatten()).filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn every_kind_of_child_and_no_other_may_be_written() -> Result<()> {
    let objects = operator(json!({})).await?;
    let role = only(&objects, "ClusterRole")?;
    let rules = role["rules"].as_array().context("a role has rules")?.as_slice();
    let mut writable = 0;
    for kind in Kind::ALL {
        let resource = kind.api_resource();
        let verbs = verbs(rules, &resource.group, &resource.plural);
        ensure!(verbs == ["get", "list", "watch", "create", "patch", "delete"], "{}: {verbs:?}", kind.as_str());
        writable += 1;
        if let Some(name) = kind.definition() {
            let named = rules.iter().any(|rule| rule["resourceNames"].to_string().contains(&format!("{name:?}")));
            ensure!(named, "whether {name} is installed cannot be seen");
        }
    }
    let create = |rule: &&Value| rule["verbs"].to_string().contains("\"delete\"");
    let granted: usize = rules.iter().filter(create).map(|rule| rule["resources"].as_array().map_or(0, Vec::len)).sum();
    ensure!(granted == writable, "{granted} kinds may be written, {writable} are");
    let text = role["rules"].to_string();
    ensure!(!text.contains('*') && !text.contains("secrets"), "{text}");
    Ok(())
}

#[tokio::test]
async fn two_replicas_are_spread_and_go_one_at_a_time() -> Result<()> {
    let one = operator(json!({})).await?;
    ensure!(only(&one, "PodDisruptionBudget").is_err(), "a budget of one pod would block every drain");
    let two = operator(json!({"replicas": 2})).await?;
    ensure!(only(&two, "PodDisruptionBudget")?["spec"]["maxUnavailable"] == 1);
    let pod = &only(&two, "Deployment")?["spec"]["template"]["spec"];
    ensure!(pod["topologySpreadConstraints"].as_array().map_or(0, Vec::len) == 2, "{pod}");
    Ok(())
}

#[tokio::test]
async fn images_are_named_by_version_tag_or_digest() -> Result<()> {
    let digest = format!("sha256:{}", "0".repeat(64));
    let own = json!({"repository": "mirror.example/op", "tag": "7"});
    let server = json!({"repository": "mirror.example/server", "digest": digest});
    let version = env!("CARGO_PKG_VERSION");
    let cases = [
        (json!({}), format!("realtime-operator:{version}"), format!("realtime-server:{version}")),
        (
            json!({"image": own, "serverImage": server}),
            "mirror.example/op:7".to_owned(),
            format!("mirror.example/server@{digest}"),
        ),
    ];
    for (values, operators, servers) in cases {
        let objects = operator(values).await?;
        let container = &only(&objects, "Deployment")?["spec"]["template"]["spec"]["containers"][0];
        ensure!(container["image"] == operators, "{}", container["image"]);
        ensure!(
            container["args"].to_string().contains(&format!("\"--server-image={servers}\"")),
            "{}",
            container["args"]
        );
    }
    Ok(())
}

#[tokio::test]
async fn every_object_bears_the_charts_labels() -> Result<()> {
    let monitoring = json!({"serviceMonitor": {"enabled": true}, "podMonitor": {"enabled": true},
        "prometheusRule": {"enabled": true}, "dashboard": {"enabled": true}});
    for values in [json!({"replicas": 2, "monitoring": monitoring}), json!({"watchNamespaces": ["a", "b"]})] {
        for object in operator(values).await? {
            let labels = &object["metadata"]["labels"];
            ensure!(labels["app.kubernetes.io/managed-by"] == "Helm", "{object}");
            ensure!(labels["app.kubernetes.io/name"] == "realtime-operator", "{object}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_option_that_the_chart_passes_is_one_of_the_operators() -> Result<()> {
    let tracing = json!({"endpoint": "http://collector:4318"});
    let values = json!({"watchNamespaces": ["a"], "tracing": tracing, "probeAuthorities": {"configMap": "company-ca"}});
    let objects = operator(values).await?;
    let args = &only(&objects, "Deployment")?["spec"]["template"]["spec"]["containers"][0]["args"];
    let program = realtime_tests::program::operator().await?;
    let help = std::process::Command::new(program).args(["run", "--help"]).output()?.stdout;
    let help = String::from_utf8(help)?;
    for option in args.as_array().context("args")?.iter().filter_map(Value::as_str).skip(1) {
        let name = option.split('=').next().unwrap_or_default();
        ensure!(help.contains(&format!("{name} <")), "{name} is not in\n{help}");
    }
    Ok(())
}

#[tokio::test]
async fn probes_are_let_out_trust_what_they_are_given_and_can_be_off() -> Result<()> {
    let of = async |probes: bool| {
        let values = json!({"probes": probes, "probeAuthorities": {"configMap": "company-ca", "key": "root.pem"},
            "networkPolicy": {"egress": {"enabled": true}}});
        let objects = operator(values).await?;
        let pod = only(&objects, "Deployment")?["spec"]["template"]["spec"].clone();
        anyhow::Ok((pod, only(&objects, "NetworkPolicy")?["spec"]["egress"].to_string()))
    };
    let (pod, egress) = of(true).await?;
    let args = pod["containers"][0]["args"].to_string();
    ensure!(
        args.contains("\"--probes=true\"") && args.contains("\"--probe-ca=/etc/realtime-probe-ca/root.pem\""),
        "{args}"
    );
    ensure!(pod["volumes"][0]["configMap"]["name"] == "company-ca", "{pod}");
    ensure!(pod["containers"][0]["volumeMounts"][0]["mountPath"] == "/etc/realtime-probe-ca", "{pod}");
    ensure!(egress.contains("\"port\":80,"), "{egress}");
    let (pod, egress) = of(false).await?;
    let args = pod["containers"][0]["args"].to_string();
    ensure!(args.contains("\"--probes=false\"") && !args.contains("--probe-ca"), "{args}");
    ensure!(pod["volumes"].is_null() && !egress.contains("\"port\":80,"), "{pod} {egress}");
    Ok(())
}

/// `a.b` of each value, down to those that a person names.
fn names(values: &Value, within: &str) -> Vec<String> {
    let Some(fields) = values.as_object().filter(|fields| !fields.is_empty()) else { return vec![within.to_owned()] };
    let inside = |(name, value): (&String, &Value)| {
        // What is Kubernetes' own is not described again.
        let is_theirs = matches!(name.as_str(), "requests" | "limits" | "grafana_dashboard");
        let path = if within.is_empty() { name.clone() } else { format!("{within}.{name}") };
        if is_theirs { vec![within.to_owned()] } else { names(value, &path) }
    };
    fields.iter().flat_map(inside).collect()
}

#[test]
fn every_value_is_described_and_has_a_schema() -> Result<()> {
    let described = std::fs::read_to_string(file("docs/install.md"))?;
    let values: Value = serde_saphyr::from_str(&std::fs::read_to_string(Chart::Operator.path().join("values.yaml"))?)?;
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(Chart::Operator.path().join("values.schema.json"))?)?;
    for name in names(&values, "") {
        let steps: Vec<_> = name.split('.').collect();
        let known = steps.iter().try_fold(&schema, |at, step| at["properties"].get(*step));
        ensure!(known.is_some(), "values.schema.json does not know {name}");
        let line = described.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{}", steps[0])));
        let line = line.with_context(|| format!("docs/install.md does not describe {name}"))?;
        let last = steps.last().copied().unwrap_or_default();
        ensure!(
            described.lines().any(|it| it.starts_with('|') && it.contains(steps[0]) && it.contains(last)),
            "{name}: {line}"
        );
    }
    Ok(())
}
