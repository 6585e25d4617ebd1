//! Alerts fire on what they are for and on nothing close to it, and they and the dashboard name metrics that exist.

use std::{collections::BTreeSet, path::Path, process::Output};

use anyhow::{Context, Result, ensure};
use realtime_chart_tests::file;
use realtime_tests::helm;
use serde_json::{Value, json};
use tokio::process::Command;

const ALERTS: &str = "charts/realtime-operator/files/alerts.yaml";

async fn promtool(args: &[&str], at: &Path) -> Result<String> {
    let Output { status, stdout, stderr } =
        Command::new(helm::tool("promtool").await?).args(args).current_dir(at).output().await?;
    let said = String::from_utf8(stdout)? + &String::from_utf8(stderr)?;
    ensure!(status.success(), "promtool {args:?}: {said}");
    Ok(said)
}

/// Every alert, as JSON.
fn alerts() -> Result<Vec<Value>> {
    let rules: Value = serde_saphyr::from_str(&std::fs::read_to_string(file(ALERTS))?)?;
    let groups = rules["groups"].as_array().context("groups")?;
    Ok(groups.iter().flat_map(|group| group["rules"].as_array().into_iter().flatten()).cloned().collect())
}

fn name(alert: &Value) -> &str {
    alert["alert"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn each_alert_fires_on_its_own_series_and_not_on_close_ones() -> Result<()> {
    let here = file("tests/chart");
    promtool(&["check", "rules", "--lint-fatal", "../../charts/realtime-operator/files/alerts.yaml"], &here).await?;
    promtool(&["test", "rules", "alerts.yaml"], &here).await?;
    let cases = std::fs::read_to_string(here.join("alerts.yaml"))?;
    for alert in alerts()? {
        for case in [format!("- name: {},", name(&alert)), format!("- name: {} does not fire,", name(&alert))] {
            ensure!(cases.contains(&case), "tests/chart/alerts.yaml has no {case:?}");
        }
    }
    Ok(())
}

#[test]
fn each_alert_is_described() -> Result<()> {
    let described = std::fs::read_to_string(file("docs/operations/alerts.md"))?;
    for alert in alerts()? {
        ensure!(
            described.contains(&format!("\n## {}\n", name(&alert))),
            "docs/operations/alerts.md lacks {}",
            name(&alert)
        );
        for needed in ["summary", "description"] {
            ensure!(alert["annotations"][needed].as_str().is_some_and(|text| !text.is_empty()), "{alert}");
        }
        ensure!(matches!(alert["labels"]["severity"].as_str(), Some("critical" | "warning")), "{alert}");
    }
    Ok(())
}

/// The expressions of the dashboard, with what Grafana fills in.
fn queries() -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file("charts/realtime-operator/files/dashboard.json"))?;
    let dashboard: Value = serde_json::from_str(&text)?;
    let panels = dashboard["panels"].as_array().context("panels")?;
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let filled = targets.filter_map(|target| target["expr"].as_str());
    let filled =
        filled.map(|text| text.replace("$__rate_interval", "5m").replace("$namespace", ".*").replace("$service", ".*"));
    Ok(filled.collect())
}

#[tokio::test]
async fn each_query_of_the_dashboard_is_one() -> Result<()> {
    let queries = queries()?;
    ensure!(queries.len() > 20, "{queries:?}");
    let rules: Vec<_> =
        queries.iter().enumerate().map(|(n, expr)| json!({"record": format!("q:{n}"), "expr": expr})).collect();
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("rules.yaml"), json!({"groups": [{"name": "q", "rules": rules}]}).to_string())?;
    promtool(&["check", "rules", "rules.yaml"], folder.path()).await.map(|_| ())
}

/// The names in an expression that begin like the programs' metrics.
fn metrics(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("realtime_server_") || word.starts_with("realtime_operator_"))
}

/// The source of a program, all of it.
fn source(folder: &Path) -> Result<String> {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            text += &source(&path)?;
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text += &std::fs::read_to_string(&path)?;
        }
    }
    Ok(text)
}

#[test]
fn alerts_and_dashboard_name_metrics_that_the_programs_have() -> Result<()> {
    // What is described there, a test holds together with what the program serves.
    let described = std::fs::read_to_string(file("docs/metrics.md"))?;
    let server = source(&file("server/src"))?;
    let expressions = alerts()?.into_iter().filter_map(|it| it["expr"].as_str().map(str::to_owned)).chain(queries()?);
    let expressions: Vec<_> = expressions.collect();
    let named: BTreeSet<_> = expressions.iter().flat_map(|expression| metrics(expression)).collect();
    ensure!(named.len() > 15, "{named:?}");
    let is_known = |metric: &str| {
        let whole = ["_bucket", "_sum", "_count"].iter().fold(metric, |name, end| name.trim_end_matches(end));
        let own = whole.trim_start_matches("realtime_server_").trim_end_matches("_total");
        // A unit may be written apart.
        let forms = [own, own.trim_end_matches("_seconds"), own.trim_end_matches("_bytes")];
        let is_registered = forms.iter().any(|form| server.contains(&format!("\"{form}\"")));
        described.contains(&format!("`{whole}`")) || (metric.starts_with("realtime_server_") && is_registered)
    };
    let unknown: Vec<_> = named.into_iter().filter(|metric| !is_known(metric)).collect();
    ensure!(unknown.is_empty(), "no program has {unknown:?}");
    Ok(())
}
