//! The children, stated here once more and not taken from the plan: a child that the plan forgets is missed.

use kube::{Api, Client, api::DynamicObject, core::ApiResource, core::GroupVersionKind};

/// One kind of child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Child {
    /// The word in `kind:`.
    pub kind: &'static str,
    group: &'static str,
    version: &'static str,
    /// The word in URLs and in the audit log.
    pub plural: &'static str,
    suffix: &'static str,
}

const fn child(
    kind: &'static str,
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    suffix: &'static str,
) -> Child {
    Child { kind, group, version, plural, suffix }
}

const RBAC: &str = "rbac.authorization.k8s.io";

/// All children of the smallest service.
pub const CHILDREN: [Child; 8] = [
    child("ServiceAccount", "", "v1", "serviceaccounts", "-server"),
    child("Role", RBAC, "v1", "roles", "-server"),
    child("RoleBinding", RBAC, "v1", "rolebindings", "-server"),
    child("ConfigMap", "", "v1", "configmaps", "-policy"),
    child("BackendConfig", "cloud.google.com", "v1", "backendconfigs", ""),
    child("Service", "", "v1", "services", ""),
    child("Ingress", "networking.k8s.io", "v1", "ingresses", ""),
    child("Deployment", "apps", "v1", "deployments", ""),
];

/// What a service has if it asks for more.
pub const FURTHER: [Child; 7] = [
    child("FrontendConfig", "networking.gke.io", "v1beta1", "frontendconfigs", ""),
    child("ManagedCertificate", "networking.gke.io", "v1", "managedcertificates", ""),
    child("GCPBackendPolicy", "networking.gke.io", "v1", "gcpbackendpolicies", ""),
    child("HealthCheckPolicy", "networking.gke.io", "v1", "healthcheckpolicies", ""),
    child("HTTPRoute", "gateway.networking.k8s.io", "v1", "httproutes", ""),
    child("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets", ""),
    child("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers", ""),
];

impl Child {
    /// Those of the smallest service, and those of services that ask for more.
    pub fn all() -> impl Iterator<Item = Self> {
        CHILDREN.into_iter().chain(FURTHER)
    }

    /// The one of this kind.
    #[must_use]
    pub fn of(kind: &str) -> Self {
        Self::all().find(|child| child.kind == kind).expect("one of the kinds")
    }

    /// Its name for the service `service`.
    #[must_use]
    pub fn name(self, service: &str) -> String {
        format!("{service}{}", self.suffix)
    }

    /// `apiVersion:`.
    #[must_use]
    pub fn api_version(self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Access to the objects of this kind.
    #[must_use]
    pub fn api(self, client: &Client, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), namespace, &self.resource())
    }

    /// The same in all namespaces.
    #[must_use]
    pub fn api_of_all(self, client: &Client) -> Api<DynamicObject> {
        Api::all_with(client.clone(), &self.resource())
    }

    fn resource(self) -> ApiResource {
        let kind = GroupVersionKind::gvk(self.group, self.version, self.kind);
        ApiResource::from_gvk_with_plural(&kind, self.plural)
    }
}
