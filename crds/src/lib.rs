//! The contract of realtime-operator: the `RealtimeService` resource as people write it, the conditions and
//! reasons that status, metrics and the command line share, and the fields that are set on foreign kinds.
//!
//! No I/O happens here. [`manifest`] checks a file by the same schema and the same CEL rules that the
//! apiserver enforces, so `kubectl apply`, the command line and the server refuse the same input.

pub mod conditions;
pub mod foreign;
pub mod manifest;
mod problem;
mod schema;
pub mod v1alpha1;
mod valid;
pub mod warnings;

pub use problem::{Problem, sentence};
pub use v1alpha1::{RealtimeService, RealtimeServiceSpec, RealtimeServiceStatus};
pub use valid::{ValidService, Way, template as pod};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::CustomResourceExt;

/// API group of the resource.
pub const GROUP: &str = "realtime-operator.dev";

/// Every definition that the project owns; `realtime-operator crd` prints them.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    let mut definition = v1alpha1::RealtimeService::crd();
    for version in &mut definition.spec.versions {
        let schema = version.schema.as_mut().and_then(|schema| schema.open_api_v3_schema.as_mut());
        if let Some(status) = schema.and_then(|schema| schema.properties.as_mut()?.get_mut("status")) {
            of_any_operator(status);
            // To kstatus, and so to Flux, an object without a status is ready.
            status.default = Some(JSON(serde_json::json!({"observedGeneration": -1})));
        }
    }
    vec![definition]
}

/// Definition and operator are upgraded one after the other, so the status that an older or newer one writes has to be taken.
fn of_any_operator(schema: &mut JSONSchemaProps) {
    let is_map_item = schema.x_kubernetes_list_type.as_deref() == Some("map");
    for (name, property) in schema.properties.iter_mut().flatten() {
        // Conditions are Kubernetes' own, and their list is keyed by what is required.
        if name != "conditions" && !is_map_item {
            of_any_operator(property);
        }
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        of_any_operator(items);
    }
    schema.required = None;
    schema.default = None;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_another_operator_is_taken_and_read() {
        let text = serde_json::to_value(definitions()).expect("a definition is JSON");
        let status = &text[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
        assert!(status["properties"]["effective"]["properties"]["moveFrom"].is_object());
        assert!(status["properties"]["effective"]["required"].is_null() && status["required"].is_null());
        assert!(status["properties"]["effective"]["properties"]["moveFrom"]["default"].is_null());
        assert!(status["properties"]["conditions"]["items"]["required"].is_array());
        let older = serde_json::json!({"effective": {"maxConnectionAge": "1h"}, "deniedOrigins": [{"origin": "x"}]});
        let read: RealtimeServiceStatus = serde_json::from_value(older).expect("an older status is read");
        assert_eq!(read.effective.expect("it is there").max_connection_age.to_string(), "1h");
    }
}
