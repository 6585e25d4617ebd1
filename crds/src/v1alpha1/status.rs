//! `status`: what is there, as opposed to what was asked for.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// What is there. Written by the operator alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RealtimeServiceStatus {
    /// Generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Ready is the root: True when clients can connect, Unknown while on the way, False when somebody has to act. Accepted: the spec is valid. ResolvedRefs: what it refers to exists.
    /// Programmed: the objects are applied and the load balancer has an address. Available: enough pods serve.
    /// OriginPolicySynced: every pod runs the origin policy of this generation. BackplaneConnected: every pod reaches the backplane.
    /// Reachable: the operator's own probe connects, as a page would. The last two are no part of Ready.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,

    /// Where clients connect, with the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,

    /// Addresses of the load balancer: IP addresses or DNS names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,

    /// Available pods of those that are wanted, e.g. "3/3".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<String>,

    /// Number of pods that exist; for the scale subresource.
    #[serde(default)]
    pub replicas: i32,

    /// Label selector of the pods; for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,

    /// Open connections, over all pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<i64>,

    /// How many different origins were denied lately; 10 at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<i32>,

    /// The origins that were denied most often since the pods started, 10 at the most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub denied_origins: Vec<DeniedOrigin>,

    /// What was derived from the spec: the numbers that each layer got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<Effective>,
}

/// What was derived from the spec: the timeouts of every layer, and how a client finds its pod again.
// A status that an older operator wrote lacks what is new, and has to be read all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Effective {
    /// Longest time that a connection stays open.
    pub max_connection_age: Duration,
    /// Timeout of the load balancer's backend in seconds: it cuts a connection of that age.
    pub load_balancer_timeout_sec: i64,
    /// Age at which the server begins to move a connection to a new one.
    pub move_from: Duration,
    /// Age by which the server has moved it, before the load balancer cuts.
    pub move_until: Duration,
    /// Time between two pings.
    pub ping_interval: Duration,
    /// How long the answer to a ping may take.
    pub ping_timeout: Duration,
    /// How long a pod goes on serving after it was told to go, until the load balancer has noticed.
    pub detach: Duration,
    /// Time over which it then moves its connections away.
    pub drain: Duration,
    /// How long the load balancer lets connections of a leaving pod live, in seconds.
    pub draining_timeout_sec: i64,
    /// How long the kubelet waits for a pod to end, in seconds.
    pub termination_grace_period_seconds: i64,
    /// How long a new pod has to be ready before an old one goes, in seconds.
    pub min_ready_seconds: i32,
    /// Whether the load balancer sends one client to one pod: None, ClientIP or Cookie.
    pub affinity: String,
    /// Why.
    pub affinity_reason: String,
}

/// An origin that was denied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DeniedOrigin {
    /// As received, cut at 200 bytes.
    pub origin: String,
    /// How often, over all pods.
    pub count: i64,
    /// When last, RFC 3339.
    pub last_seen: String,
    /// Why, e.g. OriginNotListed.
    pub reason: String,
    /// The mistake it looks like, e.g. TrailingSlash or WrongScheme; None where it resembles nothing that is allowed.
    pub hint: String,
    /// What is nearest and what to change.
    pub message: String,
}
