//! How many pods may go at once when nodes are drained.

use k8s_openapi::{
    api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use realtime_crds::ValidService;

use super::names::{Names, metadata, selector};

/// None for a single pod: a budget would only keep its node from ever being drained.
pub(crate) fn build(service: &ValidService) -> Option<PodDisruptionBudget> {
    (service.spec().workload.fewest() >= 2).then(|| PodDisruptionBudget {
        metadata: metadata(service, Names::of(service).main()),
        spec: Some(PodDisruptionBudgetSpec {
            // One after the other, each with its drain.
            max_unavailable: Some(IntOrString::Int(1)),
            min_available: None,
            selector: Some(selector(service)),
            // A pod that never becomes ready must not keep a node.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
        }),
        status: None,
    })
}
