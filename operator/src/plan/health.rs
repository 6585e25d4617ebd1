//! Where pods and load balancers ask whether the server takes clients.

use realtime_crds::ValidService;

/// Where the bundled server says so on the clients' port; asked of an image of the user's own too where nothing else is said.
pub(crate) const READY_PATH: &str = "/ready";

pub(crate) fn path(service: &ValidService) -> &str {
    service.spec().workload.health_path.as_deref().unwrap_or(READY_PATH)
}
