//! The pods' common name inside the cluster.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use realtime_crds::{ValidService, Way};

use super::{
    affinity::{self, Affinity},
    ingress,
    names::{Names, labels_of, metadata, selector_labels},
    publish,
};

/// Asks GKE for network endpoint groups: the load balancer then speaks to pods, not to nodes.
const NEG: &str = "cloud.google.com/neg";
/// Names the BackendConfig of a port.
const BACKEND_CONFIG: &str = "cloud.google.com/backend-config";

/// Port of the Service and its name, which the Ingress and the annotations refer to.
pub(crate) const SERVICE_PORT: i32 = 80;
pub(crate) const PORT_NAME: &str = "http";
/// Port of the pods for clients.
pub(crate) const SERVER_PORT: u16 = 8080;
/// Port of the pods for health, metrics and status; no Service leads to it.
pub const ADMIN_PORT: u16 = 8081;
pub(crate) fn build(service: &ValidService) -> Service {
    let name = Names::of(service).main();
    let mut meta = metadata(service, name.clone());
    let annotations = match service.way() {
        Way::Gke(_) => labels_of([
            (NEG, r#"{"ingress": true}"#),
            (BACKEND_CONFIG, &format!(r#"{{"ports":{{"{PORT_NAME}":"{name}"}}}}"#)),
        ]),
        Way::Ingress(class) => ingress::settings(service, class).service,
        // The Gateway controller makes network endpoint groups without being asked.
        Way::GkeGateway(_) | Way::Gateway(_) | Way::Inside => BTreeMap::new(),
    };
    meta.annotations = (!annotations.is_empty()).then_some(annotations);
    // Behind a load balancer of its own kube-proxy has no say.
    let sticks = *service.way() == Way::Inside && affinity::choose(service).affinity == Affinity::ClientIp;
    let clients = ServicePort {
        name: Some(PORT_NAME.to_owned()),
        port: SERVICE_PORT,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String(PORT_NAME.to_owned())),
        ..ServicePort::default()
    };
    Service {
        metadata: meta,
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(selector_labels(service)),
            ports: Some([clients].into_iter().chain(publish::service_port(service)).collect()),
            session_affinity: Some(if sticks { "ClientIP" } else { "None" }.to_owned()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
