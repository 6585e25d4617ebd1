//! A planned child as the JSON that is applied, and the closed set of kinds.

use kube::core::{ApiResource, GroupVersionKind, TypeMeta};
use serde::Serialize;
use serde_json::Value;

/// The kinds that a service may own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The account that the pods run as.
    ServiceAccount,
    /// What that account may read.
    Role,
    /// Ties the two.
    RoleBinding,
    /// The policy as a file.
    ConfigMap,
    /// Timeouts, draining and health check of the Google load balancer behind an Ingress.
    BackendConfig,
    /// TLS and redirect of the Google load balancer of an Ingress.
    FrontendConfig,
    /// The certificate that Google issues.
    ManagedCertificate,
    /// The pods' common name.
    Service,
    /// Timeouts, draining and affinity of the Google load balancer behind a Gateway.
    GcpBackendPolicy,
    /// Its health check.
    HealthCheckPolicy,
    /// The way in.
    Ingress,
    /// The way in through Gateways.
    HttpRoute,
    /// How many pods may go at once.
    PodDisruptionBudget,
    /// The pods.
    Deployment,
    /// Their number by load.
    HorizontalPodAutoscaler,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 15] = [
        Self::ServiceAccount,
        Self::Role,
        Self::RoleBinding,
        Self::ConfigMap,
        Self::BackendConfig,
        Self::FrontendConfig,
        Self::ManagedCertificate,
        Self::Service,
        Self::GcpBackendPolicy,
        Self::HealthCheckPolicy,
        Self::Ingress,
        Self::HttpRoute,
        Self::PodDisruptionBudget,
        Self::Deployment,
        Self::HorizontalPodAutoscaler,
    ];

    /// The word in `kind:`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.facts().2
    }

    /// Group, version and plural, for requests.
    #[must_use]
    pub fn api_resource(self) -> ApiResource {
        let (group, version, kind, plural) = self.facts();
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }

    /// `apiVersion:` and `kind:`.
    #[must_use]
    pub fn type_meta(self) -> TypeMeta {
        let ApiResource { api_version, kind, .. } = self.api_resource();
        TypeMeta { api_version, kind }
    }

    /// Name of the definition that brings the kind where Kubernetes itself does not have it.
    #[must_use]
    pub const fn definition(self) -> Option<&'static str> {
        match self {
            Self::BackendConfig => Some("backendconfigs.cloud.google.com"),
            Self::FrontendConfig => Some("frontendconfigs.networking.gke.io"),
            Self::ManagedCertificate => Some("managedcertificates.networking.gke.io"),
            Self::GcpBackendPolicy => Some("gcpbackendpolicies.networking.gke.io"),
            Self::HealthCheckPolicy => Some("healthcheckpolicies.networking.gke.io"),
            Self::HttpRoute => Some("httproutes.gateway.networking.k8s.io"),
            Self::ServiceAccount
            | Self::Role
            | Self::RoleBinding
            | Self::ConfigMap
            | Self::Service
            | Self::Ingress
            | Self::PodDisruptionBudget
            | Self::Deployment
            | Self::HorizontalPodAutoscaler => None,
        }
    }

    /// Whether clients come in by it.
    #[must_use]
    pub const fn is_route(self) -> bool {
        matches!(self, Self::Ingress | Self::HttpRoute)
    }

    /// Whether a route needs it for as long as the route is there.
    #[must_use]
    pub const fn serves_route(self, route: Self) -> bool {
        match route {
            Self::Ingress => matches!(self, Self::BackendConfig | Self::FrontendConfig | Self::ManagedCertificate),
            Self::HttpRoute => matches!(self, Self::GcpBackendPolicy | Self::HealthCheckPolicy),
            _ => false,
        }
    }

    /// Kinds that a child of this kind refers to by name.
    #[must_use]
    pub const fn relies_on(self) -> &'static [Self] {
        match self {
            Self::RoleBinding => &[Self::ServiceAccount, Self::Role],
            Self::Ingress => &[Self::Service, Self::FrontendConfig, Self::ManagedCertificate],
            Self::GcpBackendPolicy | Self::HealthCheckPolicy | Self::HttpRoute => &[Self::Service],
            Self::Deployment => &[Self::ServiceAccount, Self::ConfigMap],
            Self::HorizontalPodAutoscaler => &[Self::Deployment],
            Self::ServiceAccount
            | Self::Role
            | Self::ConfigMap
            | Self::BackendConfig
            | Self::FrontendConfig
            | Self::ManagedCertificate
            | Self::Service
            | Self::PodDisruptionBudget => &[],
        }
    }

    const fn facts(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::ServiceAccount => ("", "v1", "ServiceAccount", "serviceaccounts"),
            Self::Role => ("rbac.authorization.k8s.io", "v1", "Role", "roles"),
            Self::RoleBinding => ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
            Self::ConfigMap => ("", "v1", "ConfigMap", "configmaps"),
            Self::BackendConfig => ("cloud.google.com", "v1", "BackendConfig", "backendconfigs"),
            Self::FrontendConfig => ("networking.gke.io", "v1beta1", "FrontendConfig", "frontendconfigs"),
            Self::ManagedCertificate => ("networking.gke.io", "v1", "ManagedCertificate", "managedcertificates"),
            Self::GcpBackendPolicy => ("networking.gke.io", "v1", "GCPBackendPolicy", "gcpbackendpolicies"),
            Self::HealthCheckPolicy => ("networking.gke.io", "v1", "HealthCheckPolicy", "healthcheckpolicies"),
            Self::HttpRoute => ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
            Self::PodDisruptionBudget => ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
            Self::HorizontalPodAutoscaler => {
                ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
            }
            Self::Service => ("", "v1", "Service", "services"),
            Self::Ingress => ("networking.k8s.io", "v1", "Ingress", "ingresses"),
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
        }
    }
}

/// A planned child.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The whole of what is applied.
    pub object: Value,
}

impl Child {
    pub(crate) fn new<T: Serialize>(kind: Kind, object: &T) -> Self {
        let mut object = serde_json::to_value(object).expect("a child is JSON");
        // The apiserver owns status; some of the typed objects write an empty one.
        if let Some(fields) = object.as_object_mut() {
            fields.remove("status");
        }
        let name = object["metadata"]["name"].as_str().expect("a child has a name").to_owned();
        Self { kind, name, object }
    }
}
