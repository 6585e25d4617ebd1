//! The kinds that GKE reads besides Kubernetes' own, as lenient as Google's definitions: no ranges, no enumerations, and
//! hardly a required field. What Google Cloud then refuses is refused by `translate`.

mod backend_config;
mod frontend_config;
mod managed_certificate;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

pub use self::{
    backend_config::{
        AffinityConfig, BackendConfig, BackendConfigSpec, CustomHeaders, DrainingConfig, HealthCheckConfig, IapConfig,
        LogConfig, OauthCredentials, PolicyName,
    },
    frontend_config::{FrontendConfig, FrontendConfigSpec, HttpsRedirect},
    managed_certificate::{DomainStatus, ManagedCertificate, ManagedCertificateSpec, ManagedCertificateStatus},
};

/// Definitions of these kinds, for a cluster that is to look like one of GKE's.
pub fn definitions() -> [CustomResourceDefinition; 3] {
    [BackendConfig::crd(), FrontendConfig::crd(), ManagedCertificate::crd()]
}
