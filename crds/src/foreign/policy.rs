//! What Google's policies for Gateways have in common: what they are attached to, and whether they are.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a policy is attached to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    /// API group; empty for a Service.
    #[schemars(length(max = 253))]
    pub group: String,
    /// Kind, e.g. Service.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace; the policy's own where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
}

impl TargetRef {
    /// The Service of this name.
    #[must_use]
    pub fn service(name: &str) -> Self {
        Self { group: String::new(), kind: "Service".to_owned(), name: name.to_owned(), namespace: None }
    }
}

/// Whether a policy is attached. Written by Google's controller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStatus {
    /// `Attached` is True when the policy is in force; its reason tells of a conflict or of a target that is not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    #[schemars(length(max = 8))]
    pub conditions: Vec<Condition>,
}
