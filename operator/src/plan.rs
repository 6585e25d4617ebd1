//! PURE: a valid service → the objects that it needs. One child, one builder, one file.
//!
//! No client, no clock and no environment here: the operator, `kubectl-realtime render` and the tests get the
//! same plan for the same input.

mod backend_config;
mod child;
mod config_map;
mod deployment;
mod ingress;
mod names;
mod rbac;
mod service;
mod service_account;
pub mod timeouts;

pub use child::{Child, Kind};
pub use names::{LABEL_INSTANCE, LABEL_MANAGED_BY, MANAGER, Names};
pub use service::ADMIN_PORT;

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Service, ServiceAccount},
    networking::v1::Ingress,
    rbac::v1::{Role, RoleBinding},
};
use realtime_crds::{ValidService, Way, foreign::BackendConfig, v1alpha1::PolicySource};

/// What the plan takes from the operator's own options.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Image of the bundled server.
    pub server_image: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { server_image: concat!("realtime-server:", env!("CARGO_PKG_VERSION")).to_owned() }
    }
}

/// Every child that a service may have; `None` where this one has no use for it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) service_account: ServiceAccount,
    pub(crate) role: Option<Role>,
    pub(crate) role_binding: Option<RoleBinding>,
    pub(crate) config_map: ConfigMap,
    pub(crate) backend_config: Option<BackendConfig>,
    pub(crate) service: Service,
    pub(crate) ingress: Option<Ingress>,
    pub(crate) deployment: Deployment,
}

/// The objects that a service needs.
#[must_use]
pub fn plan(service: &ValidService, settings: &Settings) -> Plan {
    let spec = service.spec();
    let watches = spec.policy_source == PolicySource::Watch;
    let budget = timeouts::budget(&spec.timeouts, service.way());
    Plan {
        service_account: service_account::build(service),
        role: watches.then(|| rbac::role(service)),
        role_binding: watches.then(|| rbac::role_binding(service)),
        config_map: config_map::build(service),
        backend_config: matches!(service.way(), Way::Gke(_)).then(|| backend_config::build(service, &budget)),
        service: service::build(service),
        ingress: ingress::build(service),
        deployment: deployment::build(service, settings, &budget),
    }
}

/// The label selector of the service's pods, e.g. `app.kubernetes.io/instance=chat,app.kubernetes.io/name=realtime-server`.
#[must_use]
pub fn selector_of(service: &ValidService) -> String {
    names::selector_text(service)
}

impl Plan {
    /// The children in the order in which they are applied.
    #[must_use]
    pub fn into_children(self) -> Vec<Child> {
        // Destructured without `..`: a child that is forgotten here does not compile.
        let Self { service_account, role, role_binding, config_map, backend_config, service, ingress, deployment } =
            self;
        [
            Some(Child::new(Kind::ServiceAccount, &service_account)),
            role.map(|role| Child::new(Kind::Role, &role)),
            role_binding.map(|binding| Child::new(Kind::RoleBinding, &binding)),
            Some(Child::new(Kind::ConfigMap, &config_map)),
            // Before the Service: GKE fails the whole Ingress while an annotation names a BackendConfig that is not there.
            backend_config.map(|config| Child::new(Kind::BackendConfig, &config)),
            Some(Child::new(Kind::Service, &service)),
            ingress.map(|ingress| Child::new(Kind::Ingress, &ingress)),
            // Last: its pods mount the policy and run as the account.
            Some(Child::new(Kind::Deployment, &deployment)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests;
