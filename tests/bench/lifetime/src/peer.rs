//! The peer: a plain Deployment of Node behind the same load balancer, its objects as a careful person writes them by hand.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context, Result, ensure};
use realtime_chart_tests::file;
use serde_json::{Value, json};
use tokio::process::Command;

const IMAGE: &str = "lifetime-peer:0.1.0";

/// Its image's archive, built where it is missing.
pub async fn image() -> Result<PathBuf> {
    let archive = file("target/images/lifetime-peer.tar");
    let mut build = Command::new(file("tests/bench/lifetime/peer/build"));
    build.arg(&archive).arg(IMAGE).stdin(Stdio::null()).stdout(Stdio::null());
    ensure!(build.status().await.context("failed to run peer/build")?.success(), "failed to build the peer's image");
    Ok(archive)
}

/// Its objects. The load balancer's timeout is the same; nothing else is done about it, as nothing is in Node.
pub fn objects(name: &str, host: &str, path: &str, pods: usize, age: u64, redis: &str) -> Vec<Value> {
    let labels = json!({"app": name});
    let env = json!([{"name": "REDIS_URL", "value": redis}, {"name": "SOCKET_PATH", "value": path}]);
    let probe = json!({"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 2});
    let security = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true, "runAsUser": 65532,
        "seccompProfile": {"type": "RuntimeDefault"}});
    let container = json!({"name": "server", "image": IMAGE, "imagePullPolicy": "IfNotPresent", "env": env,
        "ports": [{"containerPort": 8080}], "readinessProbe": probe, "securityContext": security});
    vec![
        json!({"apiVersion": "cloud.google.com/v1", "kind": "BackendConfig", "metadata": {"name": name},
            "spec": {"timeoutSec": age, "connectionDraining": {"drainingTimeoutSec": 60},
                "healthCheck": {"type": "HTTP", "requestPath": "/ready", "port": 8080, "checkIntervalSec": 5, "timeoutSec": 5}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "annotations": {
                "cloud.google.com/neg": "{\"ingress\": true}",
                "cloud.google.com/backend-config": format!("{{\"default\": \"{name}\"}}")}},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name, "annotations": {
                "kubernetes.io/ingress.class": "gce"}},
            "spec": {"rules": [{"host": host, "http": {"paths": [{"path": "/*", "pathType": "ImplementationSpecific",
                "backend": {"service": {"name": name, "port": {"number": 80}}}}]}}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": pods, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}}}),
    ]
}
