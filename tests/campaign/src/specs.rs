//! Specs that between them have every kind of child.

use serde_json::{Value, json};

/// All that a GKE Ingress may bring, with an autoscaler.
#[must_use]
pub fn rich(name: &str) -> Value {
    json!({
        "host": format!("{name}.domain-a.com"), "path": "/oursocketio",
        "origins": {"allow": ["https://app.domain-b.com"]},
        "workload": {"autoscaling": {"minReplicas": 2, "maxReplicas": 4, "cpu": 60},
            "resources": {"requests": {"cpu": "10m"}}, "podLabels": {"team": "a"}},
        "exposure": {"gke": {"staticIpName": "chat", "managedCertificate": true, "redirectToHttps": true, "sslPolicy": "modern"}},
    })
}

/// Much of it another way.
#[must_use]
pub fn other(name: &str) -> Value {
    let mut spec = rich(name);
    spec["origins"]["allow"] = json!(["https://app.domain-b.com", "https://*.preview.domain-b.com"]);
    spec["timeouts"] = json!({"maxConnectionAge": "2h", "drain": "90s"});
    spec["workload"] = json!({"replicas": 3, "podLabels": {"team": "b"}});
    spec["policySource"] = json!("File");
    spec["exposure"]["gke"]["securityPolicy"] = json!("rate-limit");
    spec
}

/// The same behind a Gateway of Google's.
#[must_use]
pub fn by_gateway(name: &str) -> Value {
    let mut spec = rich(name);
    spec["exposure"] = json!({"gkeGateway": {"parentRefs": [{"name": "web"}]}});
    spec
}

/// As little as possible.
#[must_use]
pub fn plain(name: &str) -> Value {
    json!({"host": format!("{name}.domain-a.com"), "path": "/oursocketio", "origins": {"allow": ["https://app.domain-b.com"]},
        "policySource": "File", "exposure": {"none": {}}})
}

/// Little, with as many pods as somebody says.
#[must_use]
pub fn by_hand(name: &str, replicas: i32) -> Value {
    let mut spec = plain(name);
    spec["workload"] = json!({"replicas": replicas, "resources": {"requests": {"cpu": "10m"}}});
    spec
}

/// The same with the connections deciding on the number of pods, up to six.
#[must_use]
pub fn by_connections(name: &str, least: i32) -> Value {
    let mut spec = by_hand(name, 1);
    spec["workload"]["autoscaling"] = json!({"minReplicas": least, "maxReplicas": 6, "connectionsPerReplica": 2});
    spec
}

/// The same with Kubernetes' own autoscaler.
#[must_use]
pub fn by_cpu(name: &str) -> Value {
    let mut spec = by_hand(name, 1);
    spec["workload"]["autoscaling"] = json!({"minReplicas": 2, "maxReplicas": 6, "cpu": 60});
    spec
}
