//! What lets programs publish: a port inside the cluster, a queue.

use k8s_openapi::{
    api::core::v1::{ContainerPort, ServicePort},
    apimachinery::pkg::util::intstr::IntOrString,
};
use realtime_crds::{
    ValidService,
    v1alpha1::{Publish, Queue},
};

use super::deployment::port;

/// Port of the pods and of the Service for programs; no Ingress and no route leads to it.
const PUBLISH_PORT: u16 = 8083;
const PUBLISH_PORT_NAME: &str = "publish";

fn listens(service: &ValidService) -> bool {
    service.spec().publish.as_ref().is_some_and(|publish| publish.token_secret_ref.is_some())
}

pub(super) fn container_port(service: &ValidService) -> Option<ContainerPort> {
    listens(service).then(|| port(PUBLISH_PORT_NAME, PUBLISH_PORT))
}

pub(super) fn service_port(service: &ValidService) -> Option<ServicePort> {
    listens(service).then(|| ServicePort {
        name: Some(PUBLISH_PORT_NAME.to_owned()),
        port: i32::from(PUBLISH_PORT),
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(PUBLISH_PORT_NAME.to_owned())),
        ..ServicePort::default()
    })
}

pub(super) fn environment(service: &ValidService) -> Vec<(&'static str, String)> {
    let Some(Publish { token_secret_ref: _, queue }) = &service.spec().publish else { return Vec::new() };
    let address = listens(service).then(|| ("REALTIME_PUBLISH_LISTEN", format!("0.0.0.0:{PUBLISH_PORT}")));
    let queue = queue.iter().flat_map(|Queue { stream, group, dead_letter, tries }| {
        let given = [
            ("REALTIME_QUEUE_STREAM", Some(stream.clone())),
            ("REALTIME_QUEUE_GROUP", group.clone()),
            ("REALTIME_QUEUE_DEAD_LETTER", dead_letter.clone()),
            ("REALTIME_QUEUE_TRIES", tries.map(|tries| tries.to_string())),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value?)))
    });
    address.into_iter().chain(queue).collect()
}
