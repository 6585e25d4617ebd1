//! `cloud.google.com/v1` BackendConfig: what the GKE Ingress controller reads for a Service.
//! The fields and their ranges are those of ingress-gce's `pkg/apis/backendconfig/v1`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of a load balancer backend. Deleting a field does not revert it in Google Cloud, so each is always set.
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
    pub timeout_sec: i64,
    /// What happens to the connections of an endpoint that leaves.
    pub connection_draining: ConnectionDraining,
    /// Whether one client keeps one pod.
    pub session_affinity: SessionAffinity,
    /// How the load balancer asks for health.
    pub health_check: HealthCheck,
    /// Access logs.
    pub logging: Logging,
}

/// What happens to the connections of an endpoint that leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionDraining {
    /// Seconds that its connections may live on, 0 to 3600.
    pub draining_timeout_sec: i64,
}

/// Whether one client keeps one pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionAffinity {
    /// NONE, CLIENT_IP or GENERATED_COOKIE; the cookie has no SameSite=None, so browsers do not send it cross-site.
    pub affinity_type: String,
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
    pub sample_rate: f64,
}
