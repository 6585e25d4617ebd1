//! `networking.gke.io/v1` HealthCheckPolicy: how a Gateway of GKE asks a Service's pods for health.
//! The fields and their ranges are those of gke-gateway-api's `apis/networking/v1`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::{PolicyStatus, TargetRef};

/// How the load balancer asks for health.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "networking.gke.io",
    version = "v1",
    kind = "HealthCheckPolicy",
    plural = "healthcheckpolicies",
    status = "PolicyStatus",
    namespaced,
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheckPolicySpec {
    /// The settings.
    pub default: HealthCheck,
    /// What they are for; of each kind, a target takes one policy.
    pub target_ref: TargetRef,
}

/// Settings of a health check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// Seconds between two questions, 1 to 300.
    #[schemars(range(min = 1, max = 300))]
    pub check_interval_sec: i64,
    /// Seconds that an answer may take, at most the interval.
    #[schemars(range(min = 1, max = 300))]
    pub timeout_sec: i64,
    /// Good answers in a row that make an endpoint healthy.
    #[schemars(range(min = 1, max = 10))]
    pub healthy_threshold: i64,
    /// Bad answers in a row that make it unhealthy.
    #[schemars(range(min = 1, max = 10))]
    pub unhealthy_threshold: i64,
    /// Whether changes of health are logged.
    pub log_config: LogConfig,
    /// What is asked.
    pub config: Config,
}

/// Whether changes of health are logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogConfig {
    /// Whether they are.
    pub enabled: bool,
}

/// What is asked: the type and the one block that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 2, "maxProperties" = 2))]
pub struct Config {
    /// The protocol.
    #[serde(rename = "type")]
    pub protocol: Protocol,
    /// The question in HTTP.
    pub http_health_check: HttpHealthCheck,
}

/// Protocols of a health check; the one that is used of those that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Protocol {
    /// HTTP/1.1.
    Http,
}

/// A question in HTTP. A 200 is a good answer, everything else a bad one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HttpHealthCheck {
    /// How the port is chosen.
    pub port_specification: PortSpecification,
    /// Port of the pod, with `USE_FIXED_PORT`; one that a Service targets, or the firewall drops the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i64>,
    /// Path of the question.
    #[schemars(length(min = 1, max = 2048), regex(pattern = r"^/[-A-Za-z0-9/._~%!?$&'()*+,;=:]*$"))]
    pub request_path: String,
    /// The Host header; the pod's address where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub host: Option<String>,
    /// ASCII that a good answer holds in its first 1024 bytes; the status alone counts where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub response: Option<String>,
}

/// How the port of a health check is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PortSpecification {
    /// The number in `port`.
    UseFixedPort,
    /// The port that the endpoint serves on.
    UseServingPort,
}
