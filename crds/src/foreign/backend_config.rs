//! `cloud.google.com/v1` BackendConfig: what the GKE Ingress controller reads for a Service.
//! The fields and their ranges are those of ingress-gce's `pkg/apis/backendconfig/v1`; what an absent field does there
//! stands at each.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of a load balancer backend. Deleting a field does not revert it in Google Cloud, so each is set that can be.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "cloud.google.com",
    version = "v1",
    kind = "BackendConfig",
    plural = "backendconfigs",
    shortname = "bc",
    namespaced,
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct BackendConfigSpec {
    /// Seconds until a request or a WebSocket is cut, idle or active; 30 where it is absent.
    #[schemars(range(min = 1))]
    pub timeout_sec: i64,
    /// What happens to the connections of an endpoint that leaves.
    pub connection_draining: ConnectionDraining,
    /// Whether one client keeps one pod.
    pub session_affinity: SessionAffinity,
    /// How the load balancer asks for health.
    pub health_check: HealthCheck,
    /// Access logs.
    pub logging: Logging,
    /// The Cloud Armor policy. Absent: whatever is attached stays attached. Refused for gce-internal, even with an
    /// empty name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_policy: Option<SecurityPolicy>,
    /// Identity-Aware Proxy. Absent: whatever was set stays set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iap: Option<Iap>,
    /// Headers that are added to requests. Absent: whatever was set stays set; without a list in it: none are added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_request_headers: Option<CustomRequestHeaders>,
    /// Headers that are added to responses. Absent: none are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_response_headers: Option<CustomResponseHeaders>,
}

/// What happens to the connections of an endpoint that leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionDraining {
    /// Seconds that its connections may live on, 0 to 3600.
    #[schemars(range(min = 0, max = 3600))]
    pub draining_timeout_sec: i64,
}

/// Whether one client keeps one pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionAffinity {
    /// NONE, CLIENT_IP or GENERATED_COOKIE; the cookie has no SameSite=None, so browsers do not send it cross-site.
    pub affinity_type: String,
    /// Seconds that the cookie lives, 0 to 86400; 0 is until the browser closes. Absent: what was set stays, and where
    /// that was not 0 the controller updates the backend at every sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86400))]
    pub affinity_cookie_ttl_sec: Option<i64>,
}

/// How the load balancer asks for health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// Seconds between two questions.
    pub check_interval_sec: i64,
    /// Seconds that an answer may take, at most the interval.
    pub timeout_sec: i64,
    /// Good answers in a row that make an endpoint healthy.
    pub healthy_threshold: i64,
    /// Bad answers in a row that make it unhealthy.
    pub unhealthy_threshold: i64,
    /// HTTP, HTTPS or HTTP2.
    #[serde(rename = "type")]
    pub protocol: String,
    /// Port of the pod; one that a Service targets, or the firewall drops the question.
    pub port: i64,
    /// Path of the question.
    pub request_path: String,
}

/// Access logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// Whether requests are logged.
    pub enable: bool,
    /// Share of the requests that are, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub sample_rate: f64,
}

/// The Cloud Armor policy of a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecurityPolicy {
    /// Its name; an empty one detaches whatever is attached.
    pub name: String,
}

/// Identity-Aware Proxy in front of a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Iap {
    /// Whether requests have to pass it.
    pub enabled: bool,
    /// The OAuth client; Google's own where it is absent. It cannot go back to absent while IAP is enabled.
    #[serde(default, rename = "oauthclientCredentials", skip_serializing_if = "Option::is_none")]
    pub oauth_client_credentials: Option<OauthClientCredentials>,
}

/// The OAuth client of Identity-Aware Proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OauthClientCredentials {
    /// Name of a Secret with the keys `client_id` and `client_secret`.
    pub secret_name: String,
}

/// Headers that the load balancer adds to requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomRequestHeaders {
    /// `Name:value`, where the value may hold variables such as `{client_region}`. Never written as an empty list:
    /// the controller takes one for a change at every sync.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
}

/// Headers that the load balancer adds to responses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomResponseHeaders {
    /// `Name:value`, where the value may hold variables such as `{cdn_cache_status}`. Written even when empty: the
    /// controller takes an absent list for a change at every sync.
    #[serde(default)]
    pub headers: Vec<String>,
}
