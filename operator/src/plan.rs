//! PURE: a valid service → the objects that it needs. One child, one builder, one file.
//!
//! No client, no clock and no environment here: the operator, `kubectl-realtime render` and the tests get the
//! same plan for the same input.

mod affinity;
mod autoscaler;
mod backend_config;
mod child;
mod config_map;
mod deployment;
mod disruption_budget;
mod effective;
mod frontend_config;
mod gcp_backend_policy;
mod health;
mod health_check_policy;
mod http_route;
mod image;
mod ingress;
pub mod ingress_class;
mod managed_certificate;
mod mounted;
mod names;
mod pace;
mod peers;
mod pod_template;
mod publish;
mod rbac;
mod service;
mod service_account;
pub mod timeouts;
mod yaml;

pub use child::{Child, Kind};
pub use effective::effective;
pub use names::{LABEL_INSTANCE, LABEL_MANAGED_BY, MANAGER, Names};
pub(crate) use pace::{LONGEST_PERIOD, PODS_A_PERIOD, Pace};
pub use service::ADMIN_PORT;
pub use yaml::yaml;

use k8s_openapi::api::{
    apps::v1::Deployment,
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{ConfigMap, Service, ServiceAccount},
    networking::v1::Ingress,
    policy::v1::PodDisruptionBudget,
    rbac::v1::{Role, RoleBinding},
};
use realtime_crds::{
    ValidService, Way,
    foreign::{BackendConfig, FrontendConfig, GcpBackendPolicy, HealthCheckPolicy, HttpRoute, ManagedCertificate},
    v1alpha1::PolicySource,
};

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
    pub(crate) frontend_config: Option<FrontendConfig>,
    pub(crate) managed_certificate: Option<ManagedCertificate>,
    pub(crate) service: Service,
    pub(crate) gcp_backend_policy: Option<GcpBackendPolicy>,
    pub(crate) health_check_policy: Option<HealthCheckPolicy>,
    pub(crate) ingress: Option<Ingress>,
    pub(crate) http_route: Option<HttpRoute>,
    pub(crate) disruption_budget: Option<PodDisruptionBudget>,
    pub(crate) deployment: Deployment,
    pub(crate) autoscaler: Option<HorizontalPodAutoscaler>,
}

/// The objects that a service needs.
#[must_use]
pub fn plan(service: &ValidService, settings: &Settings) -> Plan {
    let spec = service.spec();
    let watches = spec.policy_source == PolicySource::Watch;
    let budget = timeouts::budget(&spec.timeouts, service.way());
    let (gke, gke_gateway) = match service.way() {
        Way::Gke(gke) => (Some(gke), None),
        Way::GkeGateway(gateway) => (None, Some(gateway)),
        Way::Gateway(_) | Way::Ingress(_) | Way::Inside => (None, None),
    };
    Plan {
        service_account: service_account::build(service),
        role: watches.then(|| rbac::role(service)),
        role_binding: watches.then(|| rbac::role_binding(service)),
        config_map: config_map::build(service),
        backend_config: gke.map(|gke| backend_config::build(service, gke, &budget)),
        frontend_config: gke.and_then(|gke| frontend_config::build(service, gke)),
        managed_certificate: gke.and_then(|gke| managed_certificate::build(service, gke)),
        service: service::build(service),
        gcp_backend_policy: gke_gateway.map(|gateway| gcp_backend_policy::build(service, gateway, &budget)),
        health_check_policy: gke_gateway.map(|_| health_check_policy::build(service)),
        ingress: ingress::build(service),
        http_route: http_route::build(service, &budget),
        disruption_budget: disruption_budget::build(service),
        deployment: deployment::build(service, settings, &budget),
        autoscaler: autoscaler::build(service, &budget),
    }
}

/// What the plan cannot set, and who can: each a sentence without its full stop.
#[must_use]
pub fn notes(service: &ValidService) -> Vec<String> {
    match service.way() {
        // Whoever wrote annotations for a class that is not known here has been told already.
        Way::Ingress(class) if !ingress::is_known(class) && !class.annotations.is_empty() => Vec::new(),
        Way::Ingress(class) => ingress::settings(service, class).notes,
        Way::Gke(_) | Way::GkeGateway(_) | Way::Gateway(_) | Way::Inside => Vec::new(),
    }
}

/// Keys of Secrets without which no pod starts.
#[must_use]
pub fn needs(service: &ValidService) -> Vec<String> {
    let needed = mounted::secrets(service).filter(|(mounted, _)| !mounted.optional());
    needed.map(|(_, secret)| format!("Secret {} with the key {}", secret.name, secret.key)).collect()
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
        let Self {
            service_account,
            role,
            role_binding,
            config_map,
            backend_config,
            frontend_config,
            managed_certificate,
            service,
            gcp_backend_policy,
            health_check_policy,
            ingress,
            http_route,
            disruption_budget,
            deployment,
            autoscaler,
        } = self;
        [
            Some(Child::new(Kind::ServiceAccount, &service_account)),
            role.map(|role| Child::new(Kind::Role, &role)),
            role_binding.map(|binding| Child::new(Kind::RoleBinding, &binding)),
            Some(Child::new(Kind::ConfigMap, &config_map)),
            // Before the Service: GKE fails the whole Ingress while an annotation names a BackendConfig that is not there.
            backend_config.map(|config| Child::new(Kind::BackendConfig, &config)),
            frontend_config.map(|config| Child::new(Kind::FrontendConfig, &config)),
            managed_certificate.map(|certificate| Child::new(Kind::ManagedCertificate, &certificate)),
            Some(Child::new(Kind::Service, &service)),
            // Before the routes: a backend that comes without its policy cuts after 30 s and checks health at /.
            gcp_backend_policy.map(|policy| Child::new(Kind::GcpBackendPolicy, &policy)),
            health_check_policy.map(|policy| Child::new(Kind::HealthCheckPolicy, &policy)),
            ingress.map(|ingress| Child::new(Kind::Ingress, &ingress)),
            http_route.map(|route| Child::new(Kind::HttpRoute, &route)),
            disruption_budget.map(|budget| Child::new(Kind::PodDisruptionBudget, &budget)),
            // After what its pods mount and the account that they run as.
            Some(Child::new(Kind::Deployment, &deployment)),
            // After the Deployment, whose number of pods it takes over.
            autoscaler.map(|autoscaler| Child::new(Kind::HorizontalPodAutoscaler, &autoscaler)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

#[cfg(test)]
mod tests;
