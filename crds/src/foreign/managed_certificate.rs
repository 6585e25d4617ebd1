//! `networking.gke.io/v1` ManagedCertificate: a certificate that Google obtains and renews for an Ingress of class gce.
//! The fields and their ranges are those of gke-managed-certs' `pkg/apis/networking.gke.io/v1`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The domains of a certificate; an Ingress names it in `networking.gke.io/managed-certificates`.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "networking.gke.io",
    version = "v1",
    kind = "ManagedCertificate",
    plural = "managedcertificates",
    shortname = "mcrt",
    status = "ManagedCertificateStatus",
    namespaced,
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct ManagedCertificateSpec {
    /// 1 to 100 domains of at most 63 characters each, none of them a wildcard.
    #[schemars(
        length(min = 1, max = 100),
        inner(
            length(max = 63),
            regex(pattern = r"^([a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?\.)+[a-zA-Z][-a-zA-Z0-9]*[a-zA-Z0-9]\.?$")
        )
    )]
    pub domains: Vec<String>,
}

/// How far the certificate is. Written by Google's controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedCertificateStatus {
    /// Active, Provisioning, ProvisioningFailed, ProvisioningFailedPermanently or RenewalFailed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_status: Option<String>,
    /// How far each domain is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domain_status: Vec<DomainStatus>,
    /// Name of the SslCertificate in Google Cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_name: Option<String>,
    /// When the certificate expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_time: Option<String>,
}

impl ManagedCertificateStatus {
    /// Whether clients are served with the certificate.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.certificate_status.as_deref() == Some("Active")
    }
}

/// How far one domain is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainStatus {
    /// The domain.
    pub domain: String,
    /// Active, Provisioning, FailedNotVisible (DNS does not lead to the load balancer yet), FailedCaaChecking,
    /// FailedCaaForbidden or FailedRateLimited.
    pub status: String,
}
