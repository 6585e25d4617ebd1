//! The pods' common name inside the cluster.

use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use realtime_crds::{ValidService, Way};

use super::names::{Names, labels_of, metadata, selector_labels};

/// Port of the Service and its name, which the Ingress and the annotations refer to.
pub(crate) const SERVICE_PORT: i32 = 80;
pub(crate) const PORT_NAME: &str = "http";
/// Port of the pods for clients.
pub(crate) const SERVER_PORT: u16 = 8080;
/// Port of the pods for health, metrics and status; no Service leads to it.
pub const ADMIN_PORT: u16 = 8081;
/// Where the server says on the clients' port whether it takes new ones.
pub(crate) const READY_PATH: &str = "/ready";

pub(crate) fn build(service: &ValidService) -> Service {
    let name = Names::of(service).main();
    let mut meta = metadata(service, name.clone());
    if matches!(service.way(), Way::Gke(_)) {
        meta.annotations = Some(labels_of([
            ("cloud.google.com/neg", r#"{"ingress": true}"#),
            ("cloud.google.com/backend-config", &format!(r#"{{"ports":{{"{PORT_NAME}":"{name}"}}}}"#)),
        ]));
    }
    Service {
        metadata: meta,
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(selector_labels(service)),
            ports: Some(vec![ServicePort {
                name: Some(PORT_NAME.to_owned()),
                port: SERVICE_PORT,
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String(PORT_NAME.to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
