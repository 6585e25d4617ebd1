//! The user's own part of the pod template, merged last.

use k8s_openapi::{DeepMerge, api::core::v1::PodTemplateSpec};
use realtime_crds::ValidService;

/// Merges by the strategic rules of each list: containers, volumes and environment by name. What would break the service
/// did not pass [`ValidService::new`].
pub(crate) fn merge(service: &ValidService, mut planned: PodTemplateSpec) -> PodTemplateSpec {
    if let Some(own) = service.pod_template() {
        planned.merge_from(own.clone());
    }
    planned
}
