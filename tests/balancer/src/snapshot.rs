//! What the cluster holds, at one moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use k8s_openapi::api::{
    core::v1::{Secret, Service},
    discovery::v1::{Endpoint, EndpointSlice},
    networking::v1::Ingress,
};
use kube::{ResourceExt, api::DynamicObject};
use serde::de::DeserializeOwned;

use crate::{
    gke::{BackendConfigSpec, FrontendConfigSpec, ManagedCertificateSpec},
    model::BackendId,
};

type Named<T> = BTreeMap<(String, String), T>;

/// What the cluster holds, at one moment.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// The oldest first: it keeps a host that a younger one asks for too.
    pub(crate) ingresses: Vec<Arc<Ingress>>,
    services: Named<Arc<Service>>,
    slices: Vec<Arc<EndpointSlice>>,
    secrets: Named<Arc<Secret>>,
    backend_configs: Named<BackendConfigSpec>,
    frontend_configs: Named<FrontendConfigSpec>,
    managed_certificates: Named<ManagedCertificateSpec>,
}

/// The objects of all kinds that a [`Snapshot`] is made of.
pub(crate) struct Objects {
    pub(crate) ingresses: Vec<Arc<Ingress>>,
    pub(crate) services: Vec<Arc<Service>>,
    pub(crate) slices: Vec<Arc<EndpointSlice>>,
    pub(crate) secrets: Vec<Arc<Secret>>,
    pub(crate) backend_configs: Vec<Arc<DynamicObject>>,
    pub(crate) frontend_configs: Vec<Arc<DynamicObject>>,
    pub(crate) managed_certificates: Vec<Arc<DynamicObject>>,
}

impl From<Objects> for Snapshot {
    fn from(objects: Objects) -> Self {
        let Objects {
            mut ingresses,
            services,
            mut slices,
            secrets,
            backend_configs,
            frontend_configs,
            managed_certificates,
        } = objects;
        ingresses.sort_by_key(|ingress| {
            (ingress.creation_timestamp().map(|time| time.0), ingress.namespace(), ingress.name_any())
        });
        slices.sort_by_key(|slice| (slice.namespace(), slice.name_any()));
        Self {
            ingresses,
            services: named(services),
            slices,
            secrets: named(secrets),
            backend_configs: specs(backend_configs),
            frontend_configs: specs(frontend_configs),
            managed_certificates: specs(managed_certificates),
        }
    }
}

impl Snapshot {
    pub(crate) fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        get(&self.services, namespace, name).map(AsRef::as_ref)
    }

    pub(crate) fn secret(&self, namespace: &str, name: &str) -> Option<&Secret> {
        get(&self.secrets, namespace, name).map(AsRef::as_ref)
    }

    pub(crate) fn backend_config(&self, namespace: &str, name: &str) -> Option<&BackendConfigSpec> {
        get(&self.backend_configs, namespace, name)
    }

    pub(crate) fn frontend_config(&self, namespace: &str, name: &str) -> Option<&FrontendConfigSpec> {
        get(&self.frontend_configs, namespace, name)
    }

    pub(crate) fn managed_certificate(&self, namespace: &str, name: &str) -> Option<&ManagedCertificateSpec> {
        get(&self.managed_certificates, namespace, name)
    }

    /// The addresses of a backend that are to get requests.
    pub(crate) fn endpoints(&self, backend: &BackendId, port_name: &str) -> BTreeSet<SocketAddr> {
        let of_service = self.slices.iter().filter(|slice| {
            slice.namespace().is_some_and(|namespace| namespace == backend.namespace)
                && slice.labels().get("kubernetes.io/service-name") == Some(&backend.service)
        });
        let mut addresses = BTreeSet::new();
        for slice in of_service {
            let ports = slice.ports.iter().flatten();
            let mut matching = ports.filter(|port| port.name.as_deref().unwrap_or_default() == port_name);
            let Some(port) = matching.find_map(|port| port.port.and_then(|port| u16::try_from(port).ok())) else {
                continue;
            };
            for endpoint in slice.endpoints.iter().flatten().filter(|endpoint| is_member(endpoint)) {
                let parsed = endpoint.addresses.iter().filter_map(|address| address.parse().ok());
                addresses.extend(parsed.map(|address| SocketAddr::new(address, port)));
            }
        }
        addresses
    }
}

/// GKE takes a pod into the group as soon as it has an address, for the load balancer's own health check to judge, and out of
/// it when it terminates; for an endpoint that is no pod its readiness decides.
fn is_member(endpoint: &Endpoint) -> bool {
    let conditions = endpoint.conditions.clone().unwrap_or_default();
    let is_pod = endpoint.target_ref.as_ref().is_some_and(|target| target.kind.as_deref() == Some("Pod"));
    !conditions.terminating.unwrap_or(false) && (is_pod || conditions.ready.unwrap_or(true))
}

fn key<K: ResourceExt>(object: &K) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

fn named<K: ResourceExt>(objects: Vec<Arc<K>>) -> Named<Arc<K>> {
    objects.into_iter().map(|object| (key(object.as_ref()), object)).collect()
}

/// An object whose spec does not fit its type is as good as absent: whoever names it hears of it.
fn specs<S: DeserializeOwned + Default>(objects: Vec<Arc<DynamicObject>>) -> Named<S> {
    let spec = |object: &DynamicObject| match object.data.get("spec") {
        None => Some(S::default()),
        Some(spec) => serde_json::from_value(spec.clone()).ok(),
    };
    objects.iter().filter_map(|object| Some((key(object.as_ref()), spec(object)?))).collect()
}

fn get<'a, T>(objects: &'a Named<T>, namespace: &str, name: &str) -> Option<&'a T> {
    objects.get(&(namespace.to_owned(), name.to_owned()))
}
