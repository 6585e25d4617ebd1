//! What `kubectl apply` refuses, and in which words.

use anyhow::Result;
use realtime_tests::Stage;

/// The spec, the field that must be named, and what must be said of it.
const CASES: &[(&str, &str, &[&str])] = &[
    ("{host: a.com, hots: 1, ALLOW}", "spec.hots", &["unknown field"]),
    ("{host: a.com, origins: {allow: ['https://a.com'], alow: []}}", "spec.origins.alow", &["unknown field"]),
    ("{host: a.com, origins: {allow: 'https://a.com'}}", "spec.origins.allow", &["array"]),
    ("{host: a.com, origins: {allow: []}}", "spec.origins.allow", &["at least 1"]),
    (
        "{host: a.com, origins: {allow: ['https://a.com/']}}",
        "spec.origins.allow",
        &["https://a.com/", "slash", "scheme://host[:port]"],
    ),
    (
        "{host: a.com, origins: {allow: ['*']}}",
        "spec.origins.allow",
        &["\"*\"", "not an origin", "https://*.domain-b.com"],
    ),
    ("{host: a.com, origins: {allow: ['a.com']}}", "spec.origins.allow", &["\"a.com\"", "scheme://host[:port]"]),
    ("{host: a.com, origins: {allow: ['https://a.com', 'https://a.com']}}", "spec.origins.allow[1]", &["Duplicate"]),
    (
        "{host: a.com, origins: {allow: ['http://a.com'], credentials: true}}",
        "spec.origins.allow",
        &["https", "loopback"],
    ),
    (
        "{host: a.com, origins: {allow: ['https://a.com'], allowedHeaders: ['*']}}",
        "spec.origins.allowedHeaders",
        &["by name", "Authorization"],
    ),
    ("{host: a.com, origins: {allow: ['https://a.com'], maxAge: 25h}}", "spec.origins.maxAge", &["24h"]),
    ("{host: a.com, origins: {allow: ['https://a.com'], missing: Maybe}}", "spec.origins.missing", &["Allow", "Deny"]),
    ("{host: a.com, path: oursocketio, ALLOW}", "spec.path", &["must start with '/'"]),
    ("{host: a.com, path: /oursocketio/, ALLOW}", "spec.path", &["must not end with '/'"]),
    ("{host: a.com, path: '/a?b', ALLOW}", "spec.path", &["letters, digits"]),
    ("{host: 'https://a.com', ALLOW}", "spec.host", &["no scheme"]),
    ("{host: 'a.com:443', ALLOW}", "spec.host", &["no port"]),
    ("{host: A.com, ALLOW}", "spec.host", &["lower case"]),
    ("{ALLOW}", "spec.host", &["Required"]),
    ("{host: a.com}", "spec.origins", &["Required"]),
    ("{host: a.com, transports: [webtransport], ALLOW}", "spec.transports[0]", &["websocket", "polling"]),
    ("{host: a.com, transports: [], ALLOW}", "spec.transports", &["at least 1"]),
    ("{host: a.com, workload: {replicas: -1}, ALLOW}", "spec.workload.replicas", &["greater than or equal to 0"]),
    ("{host: a.com, workload: {replicas: 1001}, ALLOW}", "spec.workload.replicas", &["less than or equal to 1000"]),
    (
        "{host: a.com, workload: {podLabels: {app.kubernetes.io/name: x}}, ALLOW}",
        "spec.workload.podLabels",
        &["the operator sets those"],
    ),
    ("{host: a.com, timeouts: {drain: 2h}, ALLOW}", "spec.timeouts.drain", &["between 0s and 59m"]),
    (
        "{host: a.com, timeouts: {maxConnectionAge: 0s}, ALLOW}",
        "spec.timeouts.maxConnectionAge",
        &["between 10s and 24h"],
    ),
    ("{host: a.com, timeouts: {maxConnectionAge: 30d}, ALLOW}", "spec.timeouts.maxConnectionAge", &["30d", "h|m|s|ms"]),
    (
        "{host: a.com, timeouts: {maxConnectionAge: 25h}, ALLOW}",
        "spec.timeouts.maxConnectionAge",
        &["between 10s and 24h"],
    ),
    ("{host: a.com, timeouts: {maxConnectionAge: 30s}, ALLOW}", "spec.timeouts", &["pingInterval + pingTimeout"]),
    ("{host: a.com, timeouts: {pingInterval: 10m}, ALLOW}", "spec.timeouts.pingInterval", &["between 1s and 5m"]),
    (
        "{host: a.com, exposure: {none: {}, gke: {}}, ALLOW}",
        "spec.exposure",
        &["exactly one of gke, gkeGateway, gateway, ingress and none"],
    ),
    (
        "{host: a.com, exposure: {}, ALLOW}",
        "spec.exposure",
        &["exactly one of gke, gkeGateway, gateway, ingress and none"],
    ),
    ("{host: a.com, exposure: {gke: {class: gcp}}, ALLOW}", "spec.exposure.gke.class", &["gce", "gce-internal"]),
    ("{host: a.com, policySource: Poll, ALLOW}", "spec.policySource", &["Watch", "File"]),
];

fn manifest(name: &str, spec: &str) -> String {
    let spec = spec.replace("ALLOW", "origins: {allow: ['https://app.domain-b.com']}");
    format!(
        "{{apiVersion: realtime-operator.dev/v1alpha1, kind: RealtimeService, metadata: {{name: {name}}}, spec: {spec}}}"
    )
}

/// Without an operator: it is the apiserver that refuses.
#[tokio::test]
async fn bad_input_is_refused_at_apply() -> Result<()> {
    let stage = Stage::new("bad-input").await?;
    let mut poor = Vec::new();
    for (spec, field, words) in CASES {
        let said = stage.try_apply(&[], &manifest("chat", spec)).await?;
        let named = said.err.contains(field) && words.iter().all(|word| said.err.contains(word));
        if said.good || !named {
            poor.push(format!("{spec}\n    should name {field} and say {words:?}, said: {}{}", said.out, said.err));
        }
    }
    let long = "a".repeat(51);
    for name in [long.as_str(), "1chat", "chat.a"] {
        let said = stage.try_apply(&[], &manifest(name, "{host: a.com, ALLOW}")).await?;
        if said.good || !said.err.contains("metadata.name must be a DNS label of at most 50 characters") {
            poor.push(format!("{name}: {}{}", said.out, said.err));
        }
    }
    assert!(poor.is_empty(), "{} of {} are not refused well:\n{}", poor.len(), CASES.len() + 3, poor.join("\n"));
    Ok(())
}

#[tokio::test]
async fn good_input_is_taken() -> Result<()> {
    let stage = Stage::new("good-input").await?;
    let longest = "a".repeat(50);
    for (name, spec) in [
        (longest.as_str(), "{host: a.com, ALLOW}"),
        ("edges", "{host: a.com, timeouts: {maxConnectionAge: 24h, drain: 59m}, workload: {replicas: 0}, ALLOW}"),
        (
            "short",
            "{host: a.com, timeouts: {maxConnectionAge: 10s, drain: 0s, pingInterval: 4s, pingTimeout: 5s}, ALLOW}",
        ),
        (
            "local",
            "{host: a.com, origins: {allow: ['http://localhost:5173', 'http://127.0.0.1:80'], credentials: true}}",
        ),
    ] {
        stage.apply(&manifest(name, spec)).await?;
    }
    stage.apply(include_str!("../../examples/chat.yaml")).await
}

#[test]
fn the_checked_in_definition_is_current() {
    let checked_in = include_str!("../../crds/realtimeservices.yaml");
    let current = realtime_crds::manifest::definitions_yaml();
    let how = "cargo run -p realtime-operator -- crd > crds/realtimeservices.yaml";
    assert!(checked_in == current, "crds/realtimeservices.yaml is stale; make it anew: {how}");
}
