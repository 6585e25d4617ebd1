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

use crate::schema::without;

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
    let mut definition = serde_json::to_value(definition).expect("a definition is JSON");
    without(&mut definition, "nullable", Value::is_boolean);
    serde_json::from_value(definition).expect("a definition stays one")
}
