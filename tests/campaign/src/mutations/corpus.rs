//! Specs that are known to be good: those of the golden tests of the plan, and what they leave out.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::schema::SELF;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plan");

/// The specs by name, each with a host of its own service.
pub(super) fn read() -> Result<Vec<(String, Value)>> {
    let files = fs::read_dir(Path::new(GOLDEN)).context("failed to read the golden tests")?;
    let mut names: Vec<_> = files.flatten().map(|file| file.path()).collect();
    names.retain(|path| path.to_string_lossy().ends_with(".in.yaml"));
    names.sort();
    let mut specs = Vec::new();
    for path in names {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&fs::read_to_string(&path)?)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().replace(".in", "");
        let services = documents.into_iter().filter(|document| document["kind"] == "RealtimeService");
        specs.extend(services.map(|service| (name.clone(), with_own_host(service["spec"].clone()))));
    }
    specs.push(("rare".to_owned(), with_own_host(rare())));
    Ok(specs)
}

fn with_own_host(mut spec: Value) -> Value {
    spec["host"] = json!(format!("{SELF}.domain-a.com"));
    spec
}

/// What the golden tests leave out, mostly of Kubernetes' own types.
fn rare() -> Value {
    let selector = json!({"matchLabels": {"app.kubernetes.io/instance": SELF}, "matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]});
    let term = json!({"topologyKey": "topology.kubernetes.io/zone", "labelSelector": selector, "namespaceSelector": selector,
        "namespaces": ["other"], "matchLabelKeys": ["pod-template-hash"], "mismatchLabelKeys": ["tenant"]});
    let of_pods = json!({"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 50, "podAffinityTerm": term}],
        "requiredDuringSchedulingIgnoredDuringExecution": [term]});
    let node = json!({"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}, {"key": "cores", "operator": "Gt", "values": ["4"]}],
        "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]});
    json!({
        "origins": {"allow": ["https://app.domain-b.com"], "allowedHeaders": ["Authorization"]},
        "workload": {
            "image": "example.com/team/chat:1.4.2", "healthPath": "/healthz", "replicas": 2,
            "affinity": {
                "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [node]},
                    "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 10, "preference": node}]},
                "podAffinity": of_pods, "podAntiAffinity": of_pods,
            },
            "env": [
                {"name": "PLAIN", "value": "1"},
                {"name": "OF_MAP", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k", "optional": true}}},
                {"name": "OF_SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": true}}},
                {"name": "OF_FIELD", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                {"name": "OF_RESOURCE", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi", "containerName": "server"}}},
                {"name": "EMPTY", "value": ""},
                {"name": "REFERS", "value": "$(PLAIN)-x"},
            ],
            "tolerations": [
                {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
                {"key": "b", "operator": "Equal", "value": "c", "effect": "NoSchedule"},
                {"operator": "Exists"},
            ],
            "topologySpread": [
                {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector, "minDomains": 2,
                    "nodeAffinityPolicy": "Honor", "nodeTaintsPolicy": "Honor", "matchLabelKeys": ["pod-template-hash"]},
                {"maxSkew": 2, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"},
            ],
            "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"memory": "1.5Gi", "ephemeral-storage": "1e9"}},
            "podTemplate": {
                "metadata": {"annotations": {"a": "1"}},
                "spec": {
                    "shareProcessNamespace": true, "dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.10"], "options": [{"name": "ndots", "value": "2"}]},
                    "hostAliases": [{"ip": "127.0.0.1", "hostnames": ["a"]}, {"ip": "127.0.0.2", "hostnames": ["b"]}],
                    "imagePullSecrets": [{"name": "pull"}],
                    "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "host-config", "configMap": {"name": "x", "optional": true, "items": [{"key": "a", "path": "b"}]}}],
                    "initContainers": [{"name": "init", "image": "i", "command": ["true"]}],
                    "containers": [
                        {"name": "server", "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}, {"name": "scratch", "mountPath": "/scratch-2", "readOnly": true}],
                            "lifecycle": {"postStart": {"exec": {"command": ["true"]}}}},
                        {"name": "side", "image": "s", "ports": [{"containerPort": 9000}, {"containerPort": 9000, "protocol": "UDP"}],
                            "env": [{"name": "A", "value": ""}], "resources": {"requests": {"cpu": "0.1"}}},
                    ],
                },
            },
        },
        "exposure": {"ingress": {"className": "nginx", "annotations": {"a": ""}, "tlsSecretName": "tls"}},
    })
}
