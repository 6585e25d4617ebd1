//! `spec.limits` and `spec.recovery`: what a pod takes on, and what it remembers for clients that come back.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// What each pod takes on. Who comes above a limit is told so, with status 503 and Retry-After.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Most connections of a pod. Default: as many as the process may open files and the memory allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_per_pod: Option<i32>,

    /// Most new connections a second of a pod. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub handshakes_per_second: Option<i32>,

    /// Largest message that a client may send, in bytes, 1024 to 104857600. A larger one closes its connection. Default 1000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024, max = 104_857_600))]
    pub max_message_bytes: Option<i32>,

    /// Most messages a second that are read from one connection; what comes faster waits. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub messages_per_second: Option<i32>,

    /// Bytes that may wait for a client that reads too slowly, 65536 to 1073741824. Default 1048576.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 65_536, max = 1_073_741_824))]
    pub send_buffer_bytes: Option<i32>,
}

/// What a pod remembers for clients that come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// How long after its connection ended a client comes back as itself, with its rooms and with what was published meanwhile,
    /// 0s (not at all) to 1h. Default "2m".
    #[serde(default = "window")]
    #[x_kube(validation = Rule::new("duration(self) <= duration('1h')").message("window must be between 0s and 1h"))]
    pub window: Duration,

    /// Bytes of published messages that a pod remembers at the most, 1048576 to 17179869184. Default 67108864.
    #[serde(default = "max_bytes")]
    #[schemars(range(min = 1_048_576_i64, max = 17_179_869_184_i64))]
    pub max_bytes: i64,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { window: window(), max_bytes: max_bytes() }
    }
}

const fn window() -> Duration {
    Duration::from_secs(120)
}

const fn max_bytes() -> i64 {
    64 << 20
}
