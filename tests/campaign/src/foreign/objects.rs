//! Objects that somebody made, as unlike the operator's own as they can be.

use serde_json::{Value, json};

pub(super) fn unlike(kind: &str) -> Value {
    match kind {
        "ServiceAccount" => json!({"automountServiceAccountToken": true}),
        "Role" => json!({"rules": [{"apiGroups": [""], "resources": ["services"], "verbs": ["get"]}]}),
        "RoleBinding" => {
            json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "nobody"}})
        }
        "ConfigMap" => json!({"data": {"mine": "yes"}}),
        "BackendConfig" => json!({"spec": {"timeoutSec": 30, "connectionDraining": {"drainingTimeoutSec": 0},
            "sessionAffinity": {"affinityType": "NONE"}, "logging": {"enable": true, "sampleRate": 1.0},
            "healthCheck": {"checkIntervalSec": 1, "timeoutSec": 1, "healthyThreshold": 1, "unhealthyThreshold": 1, "type": "HTTP", "port": 80, "requestPath": "/"}}}),
        "FrontendConfig" => json!({"spec": {"sslPolicy": "mine"}}),
        "ManagedCertificate" => json!({"spec": {"domains": ["somewhere.example"]}}),
        "Service" => json!({"spec": {"type": "ExternalName", "externalName": "somewhere.example"}}),
        "GCPBackendPolicy" => {
            json!({"spec": {"targetRef": {"group": "", "kind": "Service", "name": "mine"}, "default": {"timeoutSec": 30,
            "connectionDraining": {"drainingTimeoutSec": 0}, "sessionAffinity": {"type": "NONE"}, "logging": {"enabled": false}}}})
        }
        "HealthCheckPolicy" => {
            json!({"spec": {"targetRef": {"group": "", "kind": "Service", "name": "mine"}, "default": {"checkIntervalSec": 5,
            "timeoutSec": 5, "healthyThreshold": 1, "unhealthyThreshold": 2, "logConfig": {"enabled": false},
            "config": {"type": "HTTP", "httpHealthCheck": {"requestPath": "/", "port": 80, "portSpecification": "USE_FIXED_PORT"}}}}})
        }
        "Ingress" => json!({"spec": {"defaultBackend": {"service": {"name": "mine", "port": {"number": 80}}}}}),
        "HTTPRoute" => {
            json!({"spec": {"parentRefs": [], "hostnames": ["somewhere.example"], "rules": [{"backendRefs": [{"name": "mine", "port": 80}]}]}})
        }
        "PodDisruptionBudget" => json!({"spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}}),
        "Deployment" => json!({"spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}}),
        "HorizontalPodAutoscaler" => {
            json!({"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "nobody"},
            "minReplicas": 1, "maxReplicas": 2}})
        }
        other => unreachable!("{other} is no child"),
    }
}
