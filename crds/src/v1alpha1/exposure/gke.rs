//! `spec.exposure.gke`: Google's HTTP(S) load balancer through an Ingress.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Google's HTTP(S) load balancer through an Ingress.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.managedCertificate) && self.managedCertificate && has(self.class) && self.class == 'gce-internal')")
    .message("managedCertificate works with class gce alone: Google issues no managed certificates for the internal load balancer; name a Secret in tlsSecretName")
    .field_path(".managedCertificate"))]
#[x_kube(validation = Rule::new("!(has(self.redirectToHttps) && self.redirectToHttps && has(self.class) && self.class == 'gce-internal')")
    .message("redirectToHttps works with class gce alone: the internal load balancer takes no FrontendConfig")
    .field_path(".redirectToHttps"))]
#[x_kube(validation = Rule::new("!(has(self.sslPolicy) && has(self.class) && self.class == 'gce-internal')")
    .message("sslPolicy works with class gce alone: the internal load balancer takes no FrontendConfig")
    .field_path(".sslPolicy"))]
#[x_kube(validation = Rule::new("!(has(self.securityPolicy) && has(self.class) && self.class == 'gce-internal')")
    .message("securityPolicy works with class gce alone: GKE refuses a Cloud Armor policy behind the internal load balancer")
    .field_path(".securityPolicy"))]
#[x_kube(validation = Rule::new("!(has(self.customRequestHeaders) && has(self.class) && self.class == 'gce-internal')")
    .message("customRequestHeaders work with class gce alone: the internal load balancer adds none")
    .field_path(".customRequestHeaders"))]
#[x_kube(validation = Rule::new("!(has(self.managedCertificate) && self.managedCertificate && has(self.annotations) && 'ingress.gcp.kubernetes.io/pre-shared-cert' in self.annotations)")
    .message("managedCertificate and the annotation ingress.gcp.kubernetes.io/pre-shared-cert exclude each other: GKE writes that annotation for managed certificates")
    .field_path(".managedCertificate"))]
#[x_kube(validation = Rule::new("!(has(self.redirectToHttps) && self.redirectToHttps) || has(self.tlsSecretName) || (has(self.managedCertificate) && self.managedCertificate) || (has(self.annotations) && 'ingress.gcp.kubernetes.io/pre-shared-cert' in self.annotations)")
    .message("redirectToHttps needs a certificate: set managedCertificate: true or tlsSecretName")
    .field_path(".redirectToHttps"))]
#[x_kube(validation = Rule::new("!has(self.sslPolicy) || has(self.tlsSecretName) || (has(self.managedCertificate) && self.managedCertificate) || (has(self.annotations) && 'ingress.gcp.kubernetes.io/pre-shared-cert' in self.annotations)")
    .message("sslPolicy needs a certificate: set managedCertificate: true or tlsSecretName")
    .field_path(".sslPolicy"))]
#[x_kube(validation = Rule::new("!(has(self.staticIpName) && has(self.annotations) && self.annotations.exists(k, k == 'kubernetes.io/ingress.global-static-ip-name' || k == 'kubernetes.io/ingress.regional-static-ip-name'))")
    .message("the static IP is named once, by staticIpName: it is a global one with class gce and a regional one with gce-internal")
    .field_path(".staticIpName"))]
pub struct GkeExposure {
    /// gce for the external load balancer, gce-internal for the internal one. Default gce.
    #[serde(default)]
    pub class: GkeClass,

    /// Name of a reserved IP address: a global one with class gce, a regional one with gce-internal. Default: an address that
    /// changes when the Ingress is made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub static_ip_name: Option<String>,

    /// Whether Google issues and renews the certificate of the host. Needs class gce and a DNS record that leads to the load
    /// balancer. May stand beside tlsSecretName while one takes over from the other. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed_certificate: bool,

    /// Name of a kubernetes.io/tls Secret with the certificate of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("tlsSecretName is the name of a Secret: a-z, 0-9, - and ."))]
    pub tls_secret_name: Option<String>,

    /// Name of a Google Cloud SSL policy: which versions of TLS and which ciphers the load balancer takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub ssl_policy: Option<String>,

    /// Whether http is answered with a redirect to https. Default false: where there is a certificate, http is not served at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redirect_to_https: bool,

    /// Name of a Google Cloud Armor security policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub security_policy: Option<String>,

    /// Identity-Aware Proxy. It answers preflights itself, so pages on other sites cannot poll through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iap: Option<Iap>,

    /// Access logs of the load balancer. Default off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,

    /// Headers that the load balancer adds to requests, each "Name: value" as Google Cloud takes them, e.g.
    /// "X-Client-Region: {client_region}".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 3, max = 512)))]
    #[x_kube(validation = Rule::new("self.all(h, h.matches('^[A-Za-z0-9-]+: ?.+$'))")
        .message("customRequestHeaders are written \"Name: value\", e.g. \"X-Client-Region: {client_region}\""))]
    #[x_kube(validation = Rule::new("self.all(h, !h.matches('^(?i)(x-google|x-goog-|x-gfe|x-amz-|host:|connection:|upgrade:|origin:|authorization:|sec-websocket-)'))")
        .message("customRequestHeaders must not set Host, Connection, Upgrade, Origin, Authorization or Sec-WebSocket-*, on which the connection depends, nor X-Google, X-Goog-, X-GFE and X-Amz-, which Google Cloud reserves"))]
    pub custom_request_headers: Vec<String>,

    /// Further annotations for the Ingress, e.g. ingress.gcp.kubernetes.io/pre-shared-cert. Those that the operator sets are refused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = Rule::new("self.all(k, !(k in ['kubernetes.io/ingress.class', 'networking.gke.io/v1beta1.FrontendConfig', 'networking.gke.io/managed-certificates', 'kubernetes.io/ingress.allow-http']))")
        .message("annotations must not hold kubernetes.io/ingress.class, networking.gke.io/v1beta1.FrontendConfig, networking.gke.io/managed-certificates or kubernetes.io/ingress.allow-http: set class, sslPolicy, redirectToHttps and managedCertificate"))]
    pub annotations: BTreeMap<String, String>,
}

/// The class of a GKE Ingress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GkeClass {
    /// The external load balancer.
    #[default]
    Gce,
    /// The internal load balancer.
    GceInternal,
}

impl GkeClass {
    /// The value of the annotation `kubernetes.io/ingress.class`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gce => "gce",
            Self::GceInternal => "gce-internal",
        }
    }
}

impl GkeExposure {
    /// Whether clients come by https.
    #[must_use]
    pub fn has_certificate(&self) -> bool {
        self.managed_certificate
            || self.tls_secret_name.is_some()
            || self.annotations.contains_key("ingress.gcp.kubernetes.io/pre-shared-cert")
    }
}

/// Identity-Aware Proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Iap {
    /// Name of a Secret of the OAuth client: with the keys client_id and client_secret behind an Ingress, with the client's secret
    /// under the one key "key" behind a Gateway.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')")
        .message("secretName is the name of a Secret: a-z, 0-9, - and ."))]
    pub secret_name: String,
}

/// Access logs of the load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// Share of the requests that is logged, 0 to 1, e.g. 0.1. A WebSocket is one request, logged when it ends.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample_rate: f64,
}
