//! The way in: an Ingress of GKE's or of any other class.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    IngressTLS, ServiceBackendPort,
};
use realtime_crds::{
    ValidService, Way,
    v1alpha1::{GkeExposure, IngressExposure},
};

use super::{
    names::{Names, labels_of, metadata},
    service::PORT_NAME,
};

pub(crate) fn build(service: &ValidService) -> Option<Ingress> {
    match service.way() {
        Way::Gke(gke) => Some(of_gke(service, gke)),
        Way::Ingress(ingress) => Some(of_class(service, ingress)),
        Way::Inside => None,
    }
}

fn of_gke(service: &ValidService, gke: &GkeExposure) -> Ingress {
    let mut ingress = common(service, gke.tls_secret_name.as_deref());
    // GKE reads the class from the annotation alone; it ignores spec.ingressClassName.
    ingress.metadata.annotations = Some(labels_of([("kubernetes.io/ingress.class", gke.class.as_str())]));
    ingress
}

fn of_class(service: &ValidService, class: &IngressExposure) -> Ingress {
    let mut ingress = common(service, class.tls_secret_name.as_deref());
    ingress.metadata.annotations = (!class.annotations.is_empty()).then(|| class.annotations.clone());
    if let Some(spec) = &mut ingress.spec {
        spec.ingress_class_name = class.class_name.clone();
    }
    ingress
}

fn common(service: &ValidService, tls_secret_name: Option<&str>) -> Ingress {
    let name = Names::of(service).main();
    let spec = service.spec();
    let path = HTTPIngressPath {
        path: Some(spec.path.clone()),
        // Prefix matches whole segments: /socket.io and /socket.io/, and not /socket.iox.
        path_type: "Prefix".to_owned(),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: name.clone(),
                port: Some(ServiceBackendPort { name: Some(PORT_NAME.to_owned()), number: None }),
            }),
            resource: None,
        },
    };
    Ingress {
        metadata: metadata(service, name),
        spec: Some(IngressSpec {
            rules: Some(vec![IngressRule {
                host: Some(spec.host.clone()),
                http: Some(HTTPIngressRuleValue { paths: vec![path] }),
            }]),
            tls: tls_secret_name.map(|secret| {
                vec![IngressTLS { hosts: Some(vec![spec.host.clone()]), secret_name: Some(secret.to_owned()) }]
            }),
            ..IngressSpec::default()
        }),
        ..Ingress::default()
    }
}
