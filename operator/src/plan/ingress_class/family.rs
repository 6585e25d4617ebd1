//! Which controller serves an Ingress.

use super::DETACH_IN_CLUSTER_SEC;

/// Controllers that are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// ingress-nginx of the Kubernetes project.
    IngressNginx,
    /// F5 NGINX Ingress Controller.
    F5Nginx,
    /// haproxy-ingress of jcmoraisjr.
    HaproxyIngress,
    /// HAProxy Kubernetes Ingress Controller of HAProxy Technologies.
    HaproxyTechnologies,
    /// The router of OpenShift.
    OpenShift,
    /// Contour.
    Contour,
    /// Cilium Ingress.
    Cilium,
    /// Istio's ingress gateway.
    Istio,
    /// AWS Load Balancer Controller: an Application Load Balancer.
    AwsLoadBalancer,
    /// Azure Application Gateway Ingress Controller.
    AzureApplicationGateway,
    /// Traefik.
    Traefik,
    /// Kong Ingress Controller.
    Kong,
    /// Apache APISIX Ingress Controller.
    Apisix,
}

impl Family {
    /// Every controller that is known here.
    pub const ALL: [Self; 13] = [
        Self::IngressNginx,
        Self::F5Nginx,
        Self::HaproxyIngress,
        Self::HaproxyTechnologies,
        Self::OpenShift,
        Self::Contour,
        Self::Cilium,
        Self::Istio,
        Self::AwsLoadBalancer,
        Self::AzureApplicationGateway,
        Self::Traefik,
        Self::Kong,
        Self::Apisix,
    ];

    /// The controllers that may serve an Ingress of this class: by `spec.controller` of the IngressClass where that is
    /// given, else by the name that the controller's own installation gives to its class. None where that is not known.
    #[must_use]
    pub fn of(class_name: Option<&str>, controller: Option<&str>) -> &'static [Self] {
        match (controller, class_name) {
            (Some(controller), _) => Self::of_controller(controller),
            (None, Some(name)) => Self::of_name(name),
            (None, None) => &[],
        }
    }

    fn of_name(name: &str) -> &'static [Self] {
        match name {
            "nginx" => &[Self::IngressNginx, Self::F5Nginx],
            "haproxy" => &[Self::HaproxyIngress, Self::HaproxyTechnologies],
            "openshift-default" => &[Self::OpenShift],
            "contour" => &[Self::Contour],
            "cilium" => &[Self::Cilium],
            "istio" => &[Self::Istio],
            "alb" => &[Self::AwsLoadBalancer],
            "azure-application-gateway" => &[Self::AzureApplicationGateway],
            "traefik" => &[Self::Traefik],
            "kong" => &[Self::Kong],
            "apisix" => &[Self::Apisix],
            _ => &[],
        }
    }

    fn of_controller(controller: &str) -> &'static [Self] {
        // Several instances of one controller tell their classes apart by what they append.
        const BY_PREFIX: [(&str, &[Family]); 13] = [
            ("k8s.io/ingress-nginx", &[Family::IngressNginx]),
            ("nginx.org/ingress-controller", &[Family::F5Nginx]),
            ("haproxy-ingress.github.io/controller", &[Family::HaproxyIngress]),
            ("haproxy.org/ingress-controller", &[Family::HaproxyTechnologies]),
            ("openshift.io/ingress-to-route", &[Family::OpenShift]),
            ("projectcontour.io/", &[Family::Contour]),
            ("cilium.io/ingress-controller", &[Family::Cilium]),
            ("istio.io/ingress-controller", &[Family::Istio]),
            ("ingress.k8s.aws/alb", &[Family::AwsLoadBalancer]),
            ("azure/application-gateway", &[Family::AzureApplicationGateway]),
            ("traefik.io/ingress-controller", &[Family::Traefik]),
            ("ingress-controllers.konghq.com/", &[Family::Kong]),
            ("apisix.apache.org/", &[Family::Apisix]),
        ];
        BY_PREFIX.iter().find(|(prefix, _)| controller.starts_with(prefix)).map_or(&[], |(_, families)| families)
    }

    /// Seconds that the controller takes to follow an EndpointSlice.
    #[must_use]
    pub const fn detach_sec(self) -> u64 {
        match self {
            Self::IngressNginx
            | Self::F5Nginx
            | Self::HaproxyIngress
            | Self::HaproxyTechnologies
            | Self::OpenShift
            | Self::Contour
            | Self::Cilium
            | Self::Istio
            | Self::Traefik
            | Self::Kong
            | Self::Apisix => DETACH_IN_CLUSTER_SEC,
            // Targets are deregistered through the cloud's API, and its proxies learn of it later.
            Self::AwsLoadBalancer => 60,
            // The gateway is reconfigured as a whole; its documentation asks for 90 seconds.
            Self::AzureApplicationGateway => 90,
        }
    }
}
