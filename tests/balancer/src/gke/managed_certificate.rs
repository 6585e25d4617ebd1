//! `networking.gke.io/v1` ManagedCertificate.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A certificate that Google provisions.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "networking.gke.io",
    version = "v1",
    kind = "ManagedCertificate",
    namespaced,
    status = "ManagedCertificateStatus",
    shortname = "mcrt"
)]
pub struct ManagedCertificateSpec {
    /// The names that it is for.
    #[serde(default)]
    pub domains: Vec<String>,
}

/// How far its provisioning is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedCertificateStatus {
    /// `Provisioning`, `Active` and others.
    pub certificate_status: Option<String>,
    /// The same, for each domain.
    #[serde(default)]
    pub domain_status: Vec<DomainStatus>,
}

/// How far a domain of it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DomainStatus {
    /// The name.
    pub domain: String,
    /// `Active` when its certificate is served.
    pub status: String,
}
