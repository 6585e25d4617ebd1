//! Values that cannot be meant are refused before anything is rendered.

use anyhow::{Result, ensure};
use realtime_tests::helm::{self, Chart};
use serde_json::{Value, json};

/// The values, and what helm has to say: where, and what is wrong.
fn wrong() -> Vec<(Value, [&'static str; 2])> {
    vec![
        (json!({"replica": 2}), ["replica", "additional properties"]),
        (json!({"image": {"repo": "x"}}), ["/image", "additional properties"]),
        (json!({"image": {"pullPolicy": "Sometimes"}}), ["/image/pullPolicy", "one of"]),
        (json!({"image": {"digest": "sha256:abc"}}), ["/image/digest", "does not match pattern"]),
        (json!({"watchNamespaces": "chat"}), ["/watchNamespaces", "want array"]),
        (json!({"watchNamespaces": ["Chat"]}), ["/watchNamespaces/0", "does not match pattern"]),
        (json!({"watchNamespaces": ["chat", "chat"]}), ["/watchNamespaces", "are equal"]),
        (json!({"replicas": "2"}), ["/replicas", "want integer"]),
        (json!({"replicas": 9}), ["/replicas", "maximum"]),
        (json!({"concurrency": 0}), ["/concurrency", "minimum"]),
        (json!({"admin": {"port": 80}}), ["/admin/port", "minimum"]),
        (json!({"extraArgs": ["-v"]}), ["/extraArgs/0", "does not match pattern"]),
        (json!({"log": {"format": "xml"}}), ["/log/format", "one of"]),
        (
            json!({"monitoring": {"serviceMonitor": {"interval": "30"}}}),
            ["/monitoring/serviceMonitor/interval", "pattern"],
        ),
        (json!({"monitoring": {"podMonitor": {"label": {}}}}), ["/monitoring/podMonitor", "additional properties"]),
        (json!({"tracing": {"endpoint": "collector:4318"}}), ["/tracing/endpoint", "pattern"]),
        (json!({"warnings": false}), ["/warnings", "want object"]),
        (json!({"replicas": 2, "leaderElection": {"enabled": false}}), ["replicas > 1", "leaderElection.enabled"]),
        (json!({"serviceAccount": {"create": false}}), ["serviceAccount.name", "is needed"]),
    ]
}

#[tokio::test]
async fn wrong_values_are_refused_with_where_and_what() -> Result<()> {
    for (values, words) in wrong() {
        let said = helm::template(Chart::Operator, "realtime-system", &values, &[]).await?;
        ensure!(!said.good, "{values} is taken");
        ensure!(words.iter().all(|word| said.err.contains(word)), "{values}: {words:?} is not in\n{}", said.err);
    }
    let values = json!({"kep": true});
    let said = helm::template(Chart::Crds, "realtime-system", &values, &[]).await?;
    ensure!(!said.good && said.err.contains("kep"), "{values}: {}", said.err);
    Ok(())
}

#[tokio::test]
async fn helm_lint_finds_nothing() -> Result<()> {
    for chart in Chart::ALL {
        let path = chart.path();
        let path = path.to_str().unwrap_or_default();
        let said = helm::run(&["lint", "--strict", path], None, &Value::Null).await?;
        ensure!(said.good && !said.out.contains("[WARNING]"), "{chart:?}: {}{}", said.out, said.err);
    }
    Ok(())
}
