//! `realtime-operator.dev/v1alpha1`: the resource as people write it.

mod auth;
mod backplane;
mod duration;
mod exposure;
mod limits;
mod origins;
mod probe;
mod publish;
mod status;
mod timeouts;
mod workload;

pub use auth::{Auth, Jwks, Jwt, SecretKey};
pub use backplane::{Backplane, RedisBackplane};
pub(crate) use duration::PATTERN as DURATION_PATTERN;
pub use duration::{Duration, DurationError};
pub use exposure::{
    Exposure, GatewayExposure, GkeClass, GkeExposure, GkeGatewayExposure, Iap, IngressExposure, Logging, NoExposure,
    ParentRef,
};
pub use limits::{Limits, Recovery};
pub use origins::{MissingOrigin, OriginMode, Origins};
pub use probe::{Probe, ProbeVia};
pub use publish::{Publish, Queue};
pub use status::{DeniedOrigin, Effective, RealtimeServiceStatus};
pub use timeouts::Timeouts;
pub use workload::{Autoscaling, PodTemplate, Resources, Workload};
pub(crate) use workload::{LABEL_KEY_PATTERN, LABEL_VALUE_PATTERN, QUANTITY_PATTERN};

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a person asks for: one Socket.IO service for browsers on other sites.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "realtime-operator.dev",
    version = "v1alpha1",
    kind = "RealtimeService",
    plural = "realtimeservices",
    shortname = "rts",
    category = "all",
    namespaced,
    derive = "PartialEq",
    status = "RealtimeServiceStatus",
    doc = "A Socket.IO service that browsers on other sites connect to. The operator turns it into a Deployment, a Service, an Ingress and what the load balancer needs, with timeouts and CORS that fit together.",
    scale(
        spec_replicas_path = ".spec.workload.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Pods", type_ = "string", json_path = ".status.pods", description = "Available pods of those that are wanted."),
    printcolumn(name = "Conns", type_ = "integer", json_path = ".status.connections", description = "Open connections, over all pods."),
    printcolumn(name = "Timeout", type_ = "string", json_path = ".status.effective.maxConnectionAge", description = "Longest time that a connection stays open."),
    printcolumn(name = "Denied", type_ = "integer", json_path = ".status.denied", description = "Different origins that were denied; 10 at the most."),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Reachable", type_ = "string", json_path = ".status.conditions[?(@.type==\"Reachable\")].status", priority = 1, description = "Whether the operator's own probe connects, where spec.probe asks for it."),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    validation = Rule::new("!has(self.spec.exposure) || !(has(self.spec.exposure.gkeGateway) || (has(self.spec.exposure.gke) && self.spec.exposure.gke.class == 'gce-internal')) || duration(self.spec.timeouts.pingInterval) + duration(self.spec.timeouts.pingTimeout) < duration('5m')")
        .message("pingInterval + pingTimeout must be shorter than 5m behind this load balancer, which drops streams that are silent for so long").field_path(".spec.timeouts.pingInterval"),
    validation = Rule::new("!has(self.spec.exposure) || !has(self.spec.exposure.gke) || !has(self.spec.exposure.gke.managedCertificate) || !self.spec.exposure.gke.managedCertificate || self.spec.host.size() <= 63")
        .message("managedCertificate takes a host of at most 63 characters").field_path(".spec.host"),
    validation = Rule::new("!has(self.spec.publish) || !has(self.spec.publish.queue) || has(self.spec.backplane)")
        .message("publish.queue is a stream in the backplane's Redis: set spec.backplane too").field_path(".spec.publish.queue"),
    validation = Rule::new("!has(self.spec.publish) || !has(self.spec.publish.queue) || !has(self.spec.backplane) || self.spec.publish.queue.stream != (has(self.spec.backplane.redis.stream) ? self.spec.backplane.redis.stream : 'socket.io')")
        .message("the queue needs a stream of its own: this is the backplane's").field_path(".spec.publish.queue.stream"),
    validation = Rule::new("!has(self.spec.workload.autoscaling) || !has(self.spec.workload.autoscaling.connectionsPerReplica) || !has(self.spec.limits.connectionsPerPod) || self.spec.workload.autoscaling.connectionsPerReplica * 10 <= self.spec.limits.connectionsPerPod * 9")
        .message("connectionsPerReplica must be at most 90 % of limits.connectionsPerPod: else pods turn clients away before more pods come").field_path(".spec.workload.autoscaling.connectionsPerReplica"),
    validation = Rule::new("self.metadata.name.size() <= 50 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must be a DNS label of at most 50 characters that starts with a letter (a-z, 0-9, -), because it names the children too")
)]
#[serde(rename_all = "camelCase")]
pub struct RealtimeServiceSpec {
    /// Public DNS name of the service, e.g. "chat.domain-a.com". No scheme, no port, no path.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("!self.contains('/') && !self.contains(':')")
        .message("host is a DNS name alone, e.g. chat.domain-a.com: no scheme, no port and no path"))]
    #[x_kube(validation = Rule::new("!self.matches('^[0-9]+([.][0-9]+){3}$')")
        .message("host is a DNS name, not an address: a page asks for it by name, and so does the certificate"))]
    #[x_kube(validation = Rule::new("!self.contains('*')")
        .message("host is one name, not a wildcard: the URL, the certificate and the route of the service need it"))]
    #[x_kube(validation = Rule::new("self.contains('*') || self.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?([.][a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$')")
        .message("host must be a DNS name in lower case, e.g. chat.domain-a.com; internationalised names in punycode (xn--...)"))]
    pub host: String,

    /// Path of the Socket.IO endpoint, the same on the server, the load balancer and the health check. It is the `path` option of
    /// the client. Default "/socket.io".
    #[serde(default = "default_path")]
    #[schemars(length(min = 2, max = 128))]
    #[x_kube(validation = Rule::new("self.startsWith('/')").message("path must start with '/', e.g. /socket.io"))]
    #[x_kube(validation = Rule::new("self.matches('^/?[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*/?$')")
        .message("path may contain letters, digits and . _ ~ - between single slashes, e.g. /oursocketio or /realtime/v2"))]
    #[x_kube(validation = Rule::new("!self.endsWith('/')")
        .message("path must not end with '/': write /socket.io; requests to /socket.io/ are served all the same"))]
    #[x_kube(validation = Rule::new("!self.matches('(^|/)[.]{1,2}(/|$)')").message("path must not contain the steps . and .."))]
    #[x_kube(validation = Rule::new("self != '/ready'")
        .message("path /ready is where the load balancer asks for health; choose another, e.g. /socket.io"))]
    pub path: String,

    /// Transports that clients may use, "websocket" and "polling". Default both: the client decides.
    #[serde(default = "default_transports")]
    #[schemars(length(min = 1, max = 2))]
    // As a set, what is filled in by default would stay beside what a server-side apply names.
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[x_kube(validation = Rule::new("self.all(t, self.exists_one(other, other == t))").message("transports must not name one twice"))]
    pub transports: Vec<Transport>,

    /// Which web origins may connect. One policy decides for polling, for preflights and for the WebSocket upgrade.
    pub origins: Origins,

    /// Who a connection speaks for. Default: connections are anonymous.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,

    /// How long connections live and how gently they are moved. Every layer's timeout is derived from these.
    #[serde(default)]
    pub timeouts: Timeouts,

    /// What each pod takes on before it turns clients away.
    #[serde(default)]
    pub limits: Limits,

    /// What a pod remembers for clients that come back.
    #[serde(default)]
    pub recovery: Recovery,

    /// What makes several pods one service. Default: each pod is for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backplane: Option<Backplane>,

    /// How programs publish events to clients. Default: they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish: Option<Publish>,

    /// The pods that serve.
    #[serde(default)]
    pub workload: Workload,

    /// How the service is reached from outside; exactly one way. Default `gke: {}`.
    // No default in the schema: a stored `gke` would stand beside the `none` that somebody applies later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,

    /// How the server learns of policy changes. Watch: it watches its own RealtimeService, changes are live within a second, and its
    /// token may read just this one object and the addresses of pods in the namespace. File: a mounted ConfigMap, no API token in the pod,
    /// changes are live when the kubelet has refreshed the file (about a minute). Default Watch.
    #[serde(default)]
    pub policy_source: PolicySource,

    /// Whether the operator itself tries to connect, and how. Default: it does not; `probe: {}` switches it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,

    /// While true the operator changes nothing for this resource; what runs keeps running. Default false.
    #[serde(default)]
    pub paused: bool,
}

/// An Engine.IO transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// One WebSocket for the whole session.
    Websocket,
    /// HTTP long polling.
    Polling,
}

impl Transport {
    /// The word that Engine.IO uses for it in the `transport` query parameter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Polling => "polling",
        }
    }
}

/// Where the server reads its policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PolicySource {
    /// The server watches its own RealtimeService.
    #[default]
    Watch,
    /// The server reads a mounted ConfigMap.
    File,
}

fn default_path() -> String {
    "/socket.io".to_owned()
}

fn default_transports() -> Vec<Transport> {
    vec![Transport::Websocket, Transport::Polling]
}
