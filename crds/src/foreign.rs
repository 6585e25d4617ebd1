//! Kinds of other projects, cut down to the fields that the operator sets and reads.

pub mod backend_config;
pub mod frontend_config;
pub mod gateway;
pub mod gcp_backend_policy;
pub mod health_check_policy;
pub mod http_route;
pub mod managed_certificate;
pub mod policy;

#[cfg(test)]
mod tests;

pub use backend_config::{BackendConfig, BackendConfigSpec, ConnectionDraining, HealthCheck, Logging, SessionAffinity};
pub use frontend_config::{FrontendConfig, FrontendConfigSpec};
pub use gateway::{Gateway, GatewaySpec};
pub use gcp_backend_policy::{GcpBackendPolicy, GcpBackendPolicySpec};
pub use health_check_policy::{HealthCheckPolicy, HealthCheckPolicySpec};
pub use http_route::{HttpRoute, HttpRouteSpec};
pub use managed_certificate::{ManagedCertificate, ManagedCertificateSpec};
pub use policy::TargetRef;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

/// Every definition, for a control plane that is to look like one of GKE with the Gateway API. An apiserver that has
/// these refuses every field that is not known here.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    let definitions = [
        BackendConfig::crd(),
        FrontendConfig::crd(),
        ManagedCertificate::crd(),
        GcpBackendPolicy::crd(),
        HealthCheckPolicy::crd(),
        HttpRoute::crd(),
        Gateway::crd(),
    ];
    definitions.map(as_go_writes_it).into()
}

/// What is optional in Go may be absent and must not be null.
fn as_go_writes_it(definition: CustomResourceDefinition) -> CustomResourceDefinition {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(node) => {
                // A property may be called so, and is then an object.
                if node.get("nullable").is_some_and(Value::is_boolean) {
                    node.remove("nullable");
                }
                node.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut definition = serde_json::to_value(definition).expect("a definition is JSON");
    strip(&mut definition);
    serde_json::from_value(definition).expect("a definition stays one")
}
