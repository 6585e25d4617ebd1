//! The policy as a file: what a pod starts with, and all that it has with `policySource: File`.

use k8s_openapi::api::core::v1::ConfigMap;
use realtime_crds::ValidService;
use serde_json::json;

use super::names::{Names, labels_of, metadata};

/// Key of the ConfigMap and name of the file.
pub(crate) const FILE: &str = "policy.yaml";

pub(crate) fn build(service: &ValidService) -> ConfigMap {
    let manifest = json!({
        "apiVersion": "realtime-operator.dev/v1alpha1",
        "kind": "RealtimeService",
        "metadata": {
            "name": service.name(),
            "namespace": service.namespace(),
            "generation": service.generation(),
        },
        "spec": service.spec(),
    });
    // JSON is YAML, and its one writer here sorts the keys.
    let text = serde_json::to_string_pretty(&manifest).expect("a manifest is JSON");
    ConfigMap {
        metadata: metadata(service, Names::of(service).policy()),
        data: Some(labels_of([(FILE, text.as_str())])),
        ..ConfigMap::default()
    }
}
