//! `cloud.google.com/v1` BackendConfig.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of a load balancer's backend.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "cloud.google.com", version = "v1", kind = "BackendConfig", namespaced, shortname = "bc")]
#[serde(rename_all = "camelCase")]
pub struct BackendConfigSpec {
    /// Longest that a request or a WebSocket lasts; 30 where it is absent.
    pub timeout_sec: Option<i64>,
    /// How long the connections of an endpoint that leaves may live on.
    pub connection_draining: Option<DrainingConfig>,
    /// Which requests go to the same endpoint.
    pub session_affinity: Option<AffinityConfig>,
    /// How endpoints are asked for their health.
    pub health_check: Option<HealthCheckConfig>,
    /// Headers that the load balancer adds to requests.
    pub custom_request_headers: Option<CustomHeaders>,
    /// Headers that the load balancer adds to responses.
    pub custom_response_headers: Option<CustomHeaders>,
    /// Access logs.
    pub logging: Option<LogConfig>,
    /// A Cloud Armor policy.
    pub security_policy: Option<PolicyName>,
    /// Identity-Aware Proxy.
    pub iap: Option<IapConfig>,
}

/// How long the connections of an endpoint that leaves may live on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrainingConfig {
    /// Seconds, 0 to 3600.
    pub draining_timeout_sec: Option<i64>,
}

/// Which requests go to the same endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AffinityConfig {
    /// NONE, CLIENT_IP or GENERATED_COOKIE.
    pub affinity_type: Option<String>,
    /// Seconds that the generated cookie is kept; 0: as long as the browser is open.
    pub affinity_cookie_ttl_sec: Option<i64>,
}

/// How endpoints are asked for their health.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheckConfig {
    /// Seconds between two questions.
    pub check_interval_sec: Option<i64>,
    /// Seconds that an answer may take.
    pub timeout_sec: Option<i64>,
    /// Good answers in a row that make an endpoint healthy.
    pub healthy_threshold: Option<i64>,
    /// Bad answers in a row that make it unhealthy.
    pub unhealthy_threshold: Option<i64>,
    /// HTTP, HTTPS or HTTP2.
    #[serde(rename = "type")]
    pub protocol: Option<String>,
    /// Port of the pod; the one that it serves on where it is absent.
    pub port: Option<i64>,
    /// Path of the question.
    pub request_path: Option<String>,
}

/// Headers that are added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomHeaders {
    /// Each as `Name: value`, with `{variables}` of the load balancer in the value.
    #[serde(default)]
    pub headers: Vec<String>,
}

/// Access logs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogConfig {
    /// Whether requests are logged.
    pub enable: Option<bool>,
    /// Share of the requests that are.
    pub sample_rate: Option<f64>,
}

/// The name of a Cloud Armor policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicyName {
    /// Empty takes a policy away.
    pub name: String,
}

/// Identity-Aware Proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IapConfig {
    /// Whether it stands in front.
    pub enabled: bool,
    /// The OAuth client that it uses.
    #[serde(rename = "oauthclientCredentials")]
    pub oauth_client_credentials: Option<OauthCredentials>,
}

/// An OAuth client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OauthCredentials {
    /// The Secret that holds its id and its secret.
    pub secret_name: String,
}
