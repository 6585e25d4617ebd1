//! The contract of realtime-operator: the `RealtimeService` resource as people write it, the conditions and
//! reasons that status, metrics and the command line share, and the fields that are set on foreign kinds.
//!
//! No I/O happens here. [`manifest`] checks a file by the same schema and the same CEL rules that the
//! apiserver enforces, so `kubectl apply`, the command line and the server refuse the same input.

pub mod conditions;
pub mod foreign;
pub mod manifest;
mod problem;
pub mod v1alpha1;
mod valid;
pub mod warnings;

pub use problem::{Problem, sentence};
pub use v1alpha1::{RealtimeService, RealtimeServiceSpec, RealtimeServiceStatus};
pub use valid::{ValidService, Way, template as pod};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

/// API group of the resource.
pub const GROUP: &str = "realtime-operator.dev";

/// Every definition that the project owns; `realtime-operator crd` prints them.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    vec![v1alpha1::RealtimeService::crd()]
}
