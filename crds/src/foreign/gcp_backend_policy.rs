//! `networking.gke.io/v1` GCPBackendPolicy: settings of a Service's backend behind a Gateway of GKE.
//! The fields and their ranges are those of gke-gateway-api's `apis/networking/v1`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::{PolicyStatus, TargetRef};

/// Settings of the load balancer for what the policy is attached to. What is absent goes back to Google's default.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "networking.gke.io",
    version = "v1",
    kind = "GCPBackendPolicy",
    root = "GcpBackendPolicy",
    plural = "gcpbackendpolicies",
    status = "PolicyStatus",
    namespaced,
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct GcpBackendPolicySpec {
    /// The settings.
    pub default: BackendPolicy,
    /// What they are for; of each kind, a target takes one policy.
    pub target_ref: TargetRef,
}

/// Settings of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackendPolicy {
    /// Seconds until a request or a WebSocket is cut, idle or active; 30 where it is absent.
    #[schemars(range(min = 1, max = 2_147_483_647))]
    pub timeout_sec: i64,
    /// What happens to the connections of an endpoint that leaves.
    pub connection_draining: ConnectionDraining,
    /// Whether one client keeps one pod.
    pub session_affinity: SessionAffinity,
    /// Access logs.
    pub logging: Logging,
    /// Name of a Cloud Armor policy; a regional Gateway needs a regional one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_policy: Option<String>,
    /// Identity-Aware Proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iap: Option<Iap>,
}

/// What happens to the connections of an endpoint that leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionDraining {
    /// Seconds that its connections may live on, 0 to 3600; 0 where it is absent.
    #[schemars(range(min = 0, max = 3600))]
    pub draining_timeout_sec: i64,
}

/// Whether one client keeps one pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionAffinity {
    /// By what a client is known.
    #[serde(rename = "type")]
    pub by: Affinity,
    /// Seconds that the cookie lives, 0 to 1209600; 0 is until the browser closes. Only with a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_209_600))]
    pub cookie_ttl_sec: Option<i64>,
}

/// By what a client is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Affinity {
    /// By nothing: every request may go to another pod.
    #[default]
    None,
    /// By its address.
    ClientIp,
    /// By a cookie of the load balancer, which browsers do not send cross-site.
    GeneratedCookie,
}

/// Access logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// Whether requests are logged.
    pub enabled: bool,
    /// How many of a million requests are. Only where logging is enabled; all of them where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub sample_rate: Option<i32>,
}

/// Identity-Aware Proxy in front of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Iap {
    /// Whether requests have to pass it.
    pub enabled: bool,
    /// The OAuth client's secret. Together with the ID, or neither: then the client is Google's own.
    #[serde(default, rename = "oauth2ClientSecret", skip_serializing_if = "Option::is_none")]
    pub oauth2_client_secret: Option<SecretRef>,
    /// The OAuth client's ID.
    #[serde(default, rename = "clientID", skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// A Secret of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretRef {
    /// Its name; it holds the OAuth client's secret under the key `key`.
    pub name: String,
}
