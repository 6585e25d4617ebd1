//! The policy as a file: what a pod starts with, and all that it has with `policySource: File`.

use k8s_openapi::api::core::v1::ConfigMap;
use realtime_crds::{ValidService, manifest};

use super::names::{Names, labels_of, metadata};

/// Key of the ConfigMap and name of the file.
pub(crate) const FILE: &str = "policy.yaml";

pub(crate) fn build(service: &ValidService) -> ConfigMap {
    // JSON is YAML, and its one writer here sorts the keys.
    let text = serde_json::to_string_pretty(&manifest::of(service)).expect("a manifest is JSON");
    ConfigMap {
        metadata: metadata(service, Names::of(service).policy()),
        data: Some(labels_of([(FILE, text.as_str())])),
        ..ConfigMap::default()
    }
}
