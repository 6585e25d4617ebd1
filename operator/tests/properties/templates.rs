//! Random pod templates, put together from pieces that are accepted each for itself.

use std::sync::LazyLock;

use proptest::prelude::*;
use realtime_crds::v1alpha1::PodTemplate;
use serde_json::{Value, json};

use crate::specs::some_of;

/// After these the pod still meets the Pod Security Standard `restricted`.
static HARMLESS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let server = |fields: Value| {
        let mut container = json!({"name": "server"});
        merge(&mut container, &fields);
        json!({"spec": {"containers": [container]}})
    };
    let safe = json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    vec![
        json!({"metadata": {"labels": {"network": "closed"}}}),
        json!({"metadata": {"annotations": {"checked-by": "security"}}}),
        json!({"spec": {"runtimeClassName": "gvisor"}}),
        json!({"spec": {"imagePullSecrets": [{"name": "registry"}]}}),
        json!({"spec": {"hostAliases": [{"ip": "10.0.0.7", "hostnames": ["login.internal"]}]}}),
        json!({"spec": {"securityContext": {"fsGroup": 1000}}}),
        json!({"spec": {"priorityClassName": "of-the-template", "enableServiceLinks": true}}),
        json!({"spec": {"nodeSelector": {"zone": "a"}, "tolerations": [{"operator": "Exists"}]}}),
        json!({"spec": {"topologySpreadConstraints": [
            {"maxSkew": 3, "topologyKey": "rack", "whenUnsatisfiable": "ScheduleAnyway"}]}}),
        json!({"spec": {"initContainers": [{"name": "first", "image": "first:1", "securityContext": safe}]}}),
        json!({"spec": {"containers": [{"name": "side", "image": "side:1", "ports": [{"containerPort": 9000}],
            "securityContext": safe}]}}),
        json!({"spec": {"volumes": [{"name": "scratch", "emptyDir": {}}]}}),
        server(json!({"env": [{"name": "SHARED", "value": "template"}, {"name": "MORE", "value": "1"}]})),
        server(json!({"volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}]})),
        server(json!({"ports": [{"name": "debug", "containerPort": 9999, "protocol": "TCP"}]})),
        server(json!({"readinessProbe": {"initialDelaySeconds": 3}, "livenessProbe": {"periodSeconds": 30}})),
        server(json!({"resources": {"limits": {"memory": "1Gi"}}, "args": ["--verbose"]})),
        server(json!({"lifecycle": {"postStart": {"exec": {"command": ["true"]}}}})),
        server(json!({"securityContext": {"readOnlyRootFilesystem": false}})),
        server(json!({"startupProbe": {"tcpSocket": {"port": "http"}}, "imagePullPolicy": "Always"})),
    ]
});

/// After these it does not.
static HARMFUL: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let server = |context: Value| json!({"spec": {"containers": [{"name": "server", "securityContext": context}]}});
    vec![
        json!({"spec": {"securityContext": {"runAsNonRoot": false, "runAsUser": 0}}}),
        json!({"spec": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}}}),
        json!({"spec": {"hostPID": true}}),
        json!({"spec": {"volumes": [{"name": "node", "hostPath": {"path": "/var"}}]}}),
        json!({"spec": {"containers": [{"name": "loose", "image": "loose:1"}]}}),
        server(json!({"privileged": true})),
        server(json!({"allowPrivilegeEscalation": true})),
        server(json!({"capabilities": {"add": ["NET_ADMIN"]}})),
    ]
});

/// A template, and whether it leaves the pod as safe as it was.
pub fn template() -> impl Strategy<Value = (Option<PodTemplate>, bool)> {
    prop::option::weighted(0.4, (any::<u32>(), any::<u32>(), any::<u16>())).prop_map(|drawn| {
        let Some((some, fewer, harmful)) = drawn else { return (None, true) };
        // One in four has a piece that does harm.
        let harmful = some_of(&HARMFUL, if harmful & 3 == 3 { u32::from(harmful >> 2) } else { 0 });
        let mut template = json!({});
        let pieces = some_of(&HARMLESS, some & fewer);
        pieces.iter().chain(&harmful).for_each(|piece| merge(&mut template, piece));
        (Some(PodTemplate(template)), harmful.is_empty())
    })
}

/// Fields of both; lists one after the other, containers by name.
fn merge(into: &mut Value, piece: &Value) {
    match (into, piece) {
        (Value::Object(into), Value::Object(piece)) => {
            piece.iter().for_each(|(name, value)| merge(into.entry(name.clone()).or_insert(Value::Null), value));
        }
        (Value::Array(into), Value::Array(piece)) => {
            for item in piece {
                let same = |there: &&mut Value| item["name"].is_string() && there["name"] == item["name"];
                match into.iter_mut().find(same) {
                    Some(there) => merge(there, item),
                    None => into.push(item.clone()),
                }
            }
        }
        (into, piece) => *into = piece.clone(),
    }
}
