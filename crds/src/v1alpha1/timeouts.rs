//! `spec.timeouts`: one budget from which every layer's number is derived.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// How long connections live and how gently they are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.pingInterval) + duration(self.pingTimeout) < duration(self.maxConnectionAge)")
    .message("pingInterval + pingTimeout must be shorter than maxConnectionAge: the load balancer cuts before a ping is answered"))]
pub struct Timeouts {
    /// Longest time that a connection stays open, 10s to 24h, e.g. "1h". The load balancer cuts at this age. Default "1h".
    #[serde(default = "max_connection_age")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10s') && duration(self) <= duration('24h')")
        .message("maxConnectionAge must be between 10s and 24h"))]
    pub max_connection_age: Duration,

    /// Time over which a pod that has to go moves its connections away, 0s to 59m, e.g. "60s". Default "60s".
    #[serde(default = "drain")]
    #[x_kube(validation = Rule::new("duration(self) <= duration('59m')")
        .message("drain must be between 0s and 59m: the load balancer drains for an hour at the most, and a minute of it passes before it notices"))]
    pub drain: Duration,

    /// Time between two Engine.IO pings, 1s to 5m. A ping is what keeps idle connections open on the way. Default "25s".
    #[serde(default = "ping_interval")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s') && duration(self) <= duration('5m')")
        .message("pingInterval must be between 1s and 5m"))]
    pub ping_interval: Duration,

    /// How long the answer to a ping may take before the connection counts as lost, 1s to 5m. Default "20s".
    #[serde(default = "ping_timeout")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s') && duration(self) <= duration('5m')")
        .message("pingTimeout must be between 1s and 5m"))]
    pub ping_timeout: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            max_connection_age: max_connection_age(),
            drain: drain(),
            ping_interval: ping_interval(),
            ping_timeout: ping_timeout(),
        }
    }
}

const fn max_connection_age() -> Duration {
    Duration::from_secs(3600)
}

const fn drain() -> Duration {
    Duration::from_secs(60)
}

const fn ping_interval() -> Duration {
    Duration::from_secs(25)
}

const fn ping_timeout() -> Duration {
    Duration::from_secs(20)
}
