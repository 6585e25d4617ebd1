//! An Ingress and what it refers to → `Frontend`. Pure: the refusals are those of GKE's controller and of Google Cloud.

mod backend;
mod class;
mod error;
mod front;
mod health;
mod paths;
mod tls;

use std::{cmp::Reverse, collections::BTreeMap};

use k8s_openapi::api::networking::v1::{Ingress, IngressBackend};
use kube::ResourceExt;

pub use self::error::SyncError;
pub(crate) use self::{
    class::Class,
    tls::{MANAGED, MANAGED_PREFIX, PRE_SHARED, listed},
};
use crate::{
    model::{BackendId, Frontend, PlainHttp, Route},
    snapshot::Snapshot,
};

const ANY_HOST: &str = "*";
const GLOBAL_ADDRESS: &str = "kubernetes.io/ingress.global-static-ip-name";
const REGIONAL_ADDRESS: &str = "kubernetes.io/ingress.regional-static-ip-name";

/// All refusals at once, as one message of the controller names them.
pub(crate) fn translate(ingress: &Ingress, class: Class, snapshot: &Snapshot) -> Result<Frontend, Vec<SyncError>> {
    let namespace = ingress.namespace().expect("Ingress is namespaced");
    let spec = ingress.spec.clone().unwrap_or_default();
    let mut frontend = Frontend {
        hosts: BTreeMap::new(),
        default_backend: None,
        backends: BTreeMap::new(),
        certificates: Vec::new(),
        plain_http: PlainHttp::Served,
    };
    let mut errors = Vec::new();
    let mut backend = |reference: &IngressBackend, errors: &mut Vec<SyncError>| -> Option<BackendId> {
        match backend::resolve(&namespace, reference, class, snapshot) {
            Ok((id, backend)) => {
                frontend.backends.insert(id.clone(), backend);
                Some(id)
            }
            Err(error) => {
                errors.push(error);
                None
            }
        }
    };

    for rule in spec.rules.unwrap_or_default() {
        let host = rule.host.filter(|host| !host.is_empty()).unwrap_or_else(|| ANY_HOST.to_owned());
        let routes: &mut Vec<Route> = frontend.hosts.entry(host).or_default();
        for path in rule.http.map(|http| http.paths).unwrap_or_default() {
            let matches = match paths::matches(path.path.as_deref().unwrap_or_default(), &path.path_type, class) {
                Ok(matches) => matches,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            let Some(id) = backend(&path.backend, &mut errors) else { continue };
            for path in matches {
                // Of two that say the same, the last one wins.
                routes.retain(|route| route.path != path);
                routes.push(Route { path, backend: id.clone() });
            }
        }
    }
    frontend.default_backend = spec.default_backend.as_ref().and_then(|reference| backend(reference, &mut errors));
    for routes in frontend.hosts.values_mut() {
        routes.sort_by_key(|route| Reverse(route.path.precedence()));
    }
    match tls::certificates(ingress, &namespace, class, snapshot) {
        Ok(certificates) => frontend.certificates = certificates,
        Err(error) => errors.push(error),
    }
    match front::plain_http(ingress, &namespace, class, !frontend.certificates.is_empty(), snapshot) {
        Ok(plain_http) => frontend.plain_http = plain_http,
        Err(error) => errors.push(error),
    }
    let annotations = ingress.annotations();
    if annotations.contains_key(GLOBAL_ADDRESS) && annotations.contains_key(REGIONAL_ADDRESS) {
        errors.push(SyncError::TwoAddresses);
    }
    if errors.is_empty() { Ok(frontend) } else { Err(errors) }
}

#[cfg(test)]
mod tests;
