//! `networking.gke.io/v1beta1` FrontendConfig.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of a load balancer's front.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "networking.gke.io", version = "v1beta1", kind = "FrontendConfig", namespaced)]
#[serde(rename_all = "camelCase")]
pub struct FrontendConfigSpec {
    /// The name of an SSL policy.
    pub ssl_policy: Option<String>,
    /// Whether plain requests are sent to HTTPS.
    pub redirect_to_https: Option<HttpsRedirect>,
}

/// Whether plain requests are sent to HTTPS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpsRedirect {
    /// Whether they are.
    #[serde(default)]
    pub enabled: bool,
    /// `MOVED_PERMANENTLY_DEFAULT` (where it is absent), `FOUND`, `SEE_OTHER`, `TEMPORARY_REDIRECT` or `PERMANENT_REDIRECT`.
    pub response_code_name: Option<String>,
}
