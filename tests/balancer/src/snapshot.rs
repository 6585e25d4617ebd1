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
    gke::{BackendConfigSpec, FrontendConfigSpec, ManagedCertificateSpec, ManagedCertificateStatus},
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
    managed_certificates: Named<Managed>,
}

/// A ManagedCertificate.
#[derive(Debug)]
pub(crate) struct Managed {
    pub(crate) uid: String,
    pub(crate) spec: ManagedCertificateSpec,
    pub(crate) status: ManagedCertificateStatus,
}

/// The objects of all kinds that a snapshot is made of.
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
            backend_configs: parsed(backend_configs, |object| part(object, "spec")),
            frontend_configs: parsed(frontend_configs, |object| part(object, "spec")),
            managed_certificates: parsed(managed_certificates, |object| {
                let uid = object.uid().unwrap_or_default();
                Some(Managed { uid, spec: part(object, "spec")?, status: part(object, "status")? })
            }),
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

    pub(crate) fn managed_certificate(&self, namespace: &str, name: &str) -> Option<&Managed> {
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

/// An object that does not fit its type is as good as absent: whoever names it hears of it.
fn parsed<T>(objects: Vec<Arc<DynamicObject>>, parse: impl Fn(&DynamicObject) -> Option<T>) -> Named<T> {
    objects.iter().filter_map(|object| Some((key(object.as_ref()), parse(object)?))).collect()
}

fn part<T: DeserializeOwned + Default>(object: &DynamicObject, field: &str) -> Option<T> {
    match object.data.get(field) {
        None => Some(T::default()),
        Some(value) => serde_json::from_value(value.clone()).ok(),
    }
}

fn get<'a, T>(objects: &'a Named<T>, namespace: &str, name: &str) -> Option<&'a T> {
    objects.get(&(namespace.to_owned(), name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is_member_of(endpoint: serde_json::Value) -> bool {
        is_member(&serde_json::from_value(endpoint).expect("an endpoint"))
    }

    #[test]
    fn a_pod_is_in_until_it_terminates_and_anything_else_while_it_is_ready() {
        let pod = json!({"kind": "Pod", "name": "chat-0"});
        let conditions =
            |ready: bool, terminating: bool| json!({"ready": ready, "serving": true, "terminating": terminating});
        for (ready, terminating, as_pod, as_other) in [
            (true, false, true, true),
            (false, false, true, false),
            (false, true, false, false),
            (true, true, false, false),
        ] {
            let conditions = conditions(ready, terminating);
            let endpoint = json!({"addresses": ["10.0.0.1"], "conditions": conditions, "targetRef": pod});
            assert_eq!(is_member_of(endpoint), as_pod, "{conditions}");
            assert_eq!(is_member_of(json!({"addresses": ["10.0.0.1"], "conditions": conditions})), as_other);
        }
        assert!(is_member_of(json!({"addresses": ["10.0.0.1"]})));
    }
}
