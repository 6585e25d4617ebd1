//! `networking.gke.io/v1beta1` FrontendConfig: what the GKE Ingress controller reads for an Ingress of class gce.
//! The fields are those of ingress-gce's `pkg/apis/frontendconfig/v1beta1`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of a load balancer frontend; an Ingress names it in `networking.gke.io/v1beta1.FrontendConfig`.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "networking.gke.io",
    version = "v1beta1",
    kind = "FrontendConfig",
    plural = "frontendconfigs",
    namespaced,
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct FrontendConfigSpec {
    /// Name of the SSL policy: which TLS versions and ciphers are offered. Absent: whatever was set stays set; empty:
    /// Google's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssl_policy: Option<String>,
    /// Whether port 80 sends clients to HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_to_https: Option<RedirectToHttps>,
}

/// Whether port 80 sends clients to HTTPS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedirectToHttps {
    /// Whether it does. It needs a certificate and `kubernetes.io/ingress.allow-http` unset or "true".
    pub enabled: bool,
    /// The status code of the answer; 301 where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_code_name: Option<RedirectCode>,
}

/// Status codes of a redirect, by Google's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RedirectCode {
    /// 301.
    MovedPermanentlyDefault,
    /// 302.
    Found,
    /// 307: method and body stay.
    TemporaryRedirect,
    /// 308: method and body stay.
    PermanentRedirect,
}
