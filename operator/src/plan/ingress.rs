//! The way in: an Ingress of GKE's or of any other class.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    IngressTLS, ServiceBackendPort,
};
use realtime_crds::{
    ValidService, Way,
    v1alpha1::{GkeClass, GkeExposure, IngressExposure},
};

use super::{
    affinity, health,
    ingress_class::{self, Asks, ClassSettings, Family},
    names::{Names, metadata},
    service::PORT_NAME,
};

pub(crate) fn build(service: &ValidService) -> Option<Ingress> {
    match service.way() {
        Way::Gke(gke) => Some(of_gke(service, gke)),
        Way::Ingress(ingress) => Some(of_class(service, ingress)),
        Way::GkeGateway(_) | Way::Gateway(_) | Way::Inside => None,
    }
}

fn of_gke(service: &ValidService, gke: &GkeExposure) -> Ingress {
    let mut ingress = common(service, gke.tls_secret_name.as_deref());
    let name = Names::of(service).main();
    let mut annotations = gke.annotations.clone();
    let mut set = |key: &str, value: &str| annotations.insert(key.to_owned(), value.to_owned());
    // GKE reads the class from the annotation alone; it ignores spec.ingressClassName.
    set("kubernetes.io/ingress.class", gke.class.as_str());
    if let Some(address) = &gke.static_ip_name {
        let key = match gke.class {
            GkeClass::Gce => "kubernetes.io/ingress.global-static-ip-name",
            GkeClass::GceInternal => "kubernetes.io/ingress.regional-static-ip-name",
        };
        set(key, address);
    }
    if gke.managed_certificate {
        set("networking.gke.io/managed-certificates", &name);
    }
    if gke.has_certificate() {
        // The redirect is an answer to http, so http has to be served for it.
        let http = gke.redirect_to_https && gke.class == GkeClass::Gce;
        set("kubernetes.io/ingress.allow-http", if http { "true" } else { "false" });
        if gke.class == GkeClass::Gce {
            set("networking.gke.io/v1beta1.FrontendConfig", &name);
        }
    }
    ingress.metadata.annotations = Some(annotations);
    ingress
}

fn of_class(service: &ValidService, class: &IngressExposure) -> Ingress {
    let mut ingress = common(service, class.tls_secret_name.as_deref());
    let mut annotations = settings(service, class).ingress;
    // What a person writes wins.
    annotations.extend(class.annotations.clone());
    ingress.metadata.annotations = (!annotations.is_empty()).then_some(annotations);
    if let Some(spec) = &mut ingress.spec {
        spec.ingress_class_name = class.class_name.clone();
    }
    ingress
}

/// What a well-known class has to be told.
pub(crate) fn settings(service: &ValidService, class: &IngressExposure) -> ClassSettings {
    let name = Names::of(service).main();
    let spec = service.spec();
    let idle = spec.timeouts.ping_interval.as_secs_ceil() + spec.timeouts.ping_timeout.as_secs_ceil();
    let asks = Asks {
        service: &name,
        path: &spec.path,
        health_path: health::path(service),
        timeout_sec: spec.timeouts.max_connection_age.as_secs_ceil(),
        idle_sec: idle,
        drain_sec: spec.timeouts.drain.as_secs_ceil(),
        sticky: affinity::is_needed(service),
    };
    // By its name: to read the IngressClass would take a right to what belongs to the whole cluster.
    ingress_class::settings(class.class_name.as_deref(), None, &asks)
}

pub(crate) fn is_known(class: &IngressExposure) -> bool {
    !Family::of(class.class_name.as_deref(), None).is_empty()
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
