//! `spec.backplane`: what makes several pods one service.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::SecretKey;

/// What makes several pods one service: what is published at one arrives at all, and a client may come back at any of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Backplane {
    /// A Redis, or anything that speaks its protocol and has streams.
    pub redis: RedisBackplane,
}

/// Redis 6.2 or newer. The format is that of the npm package @socket.io/redis-streams-adapter, so that servers of Node may share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedisBackplane {
    /// A key of a Secret in the same namespace that holds the URL: "redis://user:password@host:6379/0", "rediss://..." for TLS,
    /// "redis+sentinel://user:password@host:26379,host:26379/master-name" or "redis+cluster://user:password@host:6379,host:6379". A change of it is in
    /// use when the kubelet has refreshed the file, without a restart.
    pub url_secret_ref: SecretKey,

    /// A key of a Secret in the same namespace that holds the certificates, in PEM format, of the authorities that Redis' own may come from.
    /// Default: the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKey>,

    /// Name of the stream in Redis, and beginning of the names of its channels. Services that share a Redis need a name each; servers of Node
    /// have it as streamName and channelPrefix. Default "socket.io".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = "^[-._:{}a-zA-Z0-9]+$"))]
    pub stream: Option<String>,

    /// Entries that the stream keeps, roughly, 100 to 10000000. What is older cannot be given to a client that comes back. Default 10000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100, max = 10_000_000))]
    pub max_length: Option<i32>,
}
