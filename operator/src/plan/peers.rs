//! Pods that hand each other the requests of their sessions, so that a load balancer may send any request to any pod.

use k8s_openapi::api::{
    core::v1::{ContainerPort, EnvVar, EnvVarSource, ObjectFieldSelector},
    rbac::v1::PolicyRule,
};
use realtime_crds::{
    ValidService,
    v1alpha1::{PolicySource, Transport},
};

use super::{deployment::port, names::Names};

/// Port of the pods for each other; no Service leads to it.
pub(crate) const PEER_PORT: u16 = 8082;
const PEER_PORT_NAME: &str = "peers";

/// Whether any pod answers any request. It does not depend on the number of pods: scaling must not change the template.
pub(crate) fn are_known(service: &ValidService) -> bool {
    let spec = service.spec();
    // An image of the user's own does not do it, and a pod without a token cannot ask where the others are.
    spec.workload.image.is_none()
        && spec.policy_source == PolicySource::Watch
        && spec.transports.contains(&Transport::Polling)
}

pub(super) fn container_port(service: &ValidService) -> Option<ContainerPort> {
    are_known(service).then(|| port(PEER_PORT_NAME, PEER_PORT))
}

pub(super) fn environment(service: &ValidService) -> Vec<EnvVar> {
    if !are_known(service) {
        return Vec::new();
    }
    let given = |name: &str, value: String| EnvVar { name: name.to_owned(), value: Some(value), ..EnvVar::default() };
    let address = EnvVarSource {
        field_ref: Some(ObjectFieldSelector {
            // As the apiserver fills it in.
            api_version: Some("v1".to_owned()),
            field_path: "status.podIP".to_owned(),
        }),
        ..EnvVarSource::default()
    };
    vec![
        given("REALTIME_PEER_LISTEN", format!("0.0.0.0:{PEER_PORT}")),
        EnvVar { name: "REALTIME_PEER_ADDRESS".to_owned(), value_from: Some(address), ..EnvVar::default() },
        given("REALTIME_PEER_SERVICE", Names::of(service).main()),
    ]
}

/// The addresses of pods. EndpointSlices have names that nobody knows beforehand, and a Role knows no labels: it is those of the namespace.
pub(super) fn rule(service: &ValidService) -> Option<PolicyRule> {
    are_known(service).then(|| PolicyRule {
        api_groups: Some(vec!["discovery.k8s.io".to_owned()]),
        resources: Some(vec!["endpointslices".to_owned()]),
        verbs: ["list", "watch"].map(str::to_owned).to_vec(),
        ..PolicyRule::default()
    })
}
