//! What a person or the operator may set: each option has an environment variable.

mod peers;
mod publish;
mod rebalance;
mod redis;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crate::{overload::memory::MemoryLimit, recovery::Limits};
use clap::{Parser, ValueEnum};
pub use peers::Peers;
pub use publish::Publish;
use realtime_crds::v1alpha1::{Duration as Written, RealtimeServiceSpec, Transport};
use realtime_telemetry::Traces;
pub use rebalance::{Rebalance, Settling};
pub use redis::Redis;

/// A Socket.IO server for browsers on other sites.
///
/// It serves one RealtimeService: from a file (--policy-file), from the Kubernetes API (--name), or from the file until the API
/// answers. Changes of the origin policy are live within a second and close no connection that is still allowed.
///
///   realtime-server --policy-file chat.yaml --listen 127.0.0.1:3000
#[derive(Clone, Debug, Parser)]
#[command(name = "realtime-server", version, verbatim_doc_comment)]
pub struct Options {
    /// RealtimeService manifest to serve, the same that `kubectl apply` takes. It is read again when it changes.
    #[arg(long, env = "REALTIME_POLICY_FILE", value_name = "FILE")]
    pub policy_file: Option<PathBuf>,

    /// Name of the RealtimeService to watch in the cluster; with --policy-file and no cluster, the one to take of several in the file.
    #[arg(long, env = "REALTIME_NAME", value_name = "NAME")]
    pub name: Option<String>,

    /// Namespace of the RealtimeService to watch. A name without a namespace is looked up in the file alone.
    #[arg(long, env = "REALTIME_NAMESPACE", value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    /// JSON Web Key Set that checks tokens where spec.auth.jwt.jwks.secretRef names a Secret: the mounted Secret. It is read again when it changes.
    #[arg(long, env = "REALTIME_JWKS_FILE", value_name = "FILE")]
    pub jwks_file: Option<PathBuf>,

    /// Where clients connect.
    #[arg(long, env = "REALTIME_LISTEN", value_name = "ADDR", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,

    /// Where /healthz, /readyz, /metrics and /status are served. Keep it off the public network.
    #[arg(long, env = "REALTIME_ADMIN_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8081")]
    pub admin_listen: SocketAddr,

    /// Path of the Socket.IO endpoint, instead of spec.path.
    #[arg(long, env = "REALTIME_PATH", value_name = "PATH", value_parser = path)]
    pub path: Option<String>,

    /// Transports that clients may use, instead of spec.transports: websocket, polling, or both with a comma.
    #[arg(long, env = "REALTIME_TRANSPORTS", value_name = "LIST", value_delimiter = ',', value_parser = transport)]
    pub transports: Option<Vec<Transport>>,

    /// Time between two pings, instead of spec.timeouts.pingInterval.
    #[arg(long, env = "REALTIME_PING_INTERVAL", value_name = "DURATION", value_parser = ping)]
    pub ping_interval: Option<Duration>,

    /// How long the answer to a ping may take, instead of spec.timeouts.pingTimeout.
    #[arg(long, env = "REALTIME_PING_TIMEOUT", value_name = "DURATION", value_parser = ping)]
    pub ping_timeout: Option<Duration>,

    /// Time over which connections are moved away at shutdown, instead of spec.timeouts.drain.
    #[arg(long, env = "REALTIME_DRAIN", value_name = "DURATION", value_parser = duration)]
    pub drain: Option<Duration>,

    /// How long to go on serving after SIGTERM before connections are moved away: the time a load balancer takes to notice.
    #[arg(long, env = "REALTIME_DETACH", value_name = "DURATION", value_parser = duration, default_value = "0s")]
    pub detach: Duration,

    /// Age at which the load balancer cuts a WebSocket, instead of spec.timeouts.maxConnectionAge. Each is moved away at 80 to 95 % of it.
    #[arg(long, env = "REALTIME_MAX_CONNECTION_AGE", value_name = "DURATION", value_parser = age)]
    pub max_connection_age: Option<Duration>,

    /// Most connections at a time. Who comes beyond is told so with 503 and Retry-After.
    #[arg(long, env = "REALTIME_MAX_CONNECTIONS", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: Option<u32>,

    /// Most new connections a second; as many may come at once.
    #[arg(long, env = "REALTIME_HANDSHAKE_RATE", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub handshake_rate: Option<u32>,

    /// Longest message that a client may send, e.g. 1000000 or 4Mi. A longer one ends its connection.
    #[arg(long, env = "REALTIME_MAX_MESSAGE_SIZE", value_name = "BYTES", value_parser = message_size, default_value = "1000000")]
    pub max_message_size: u32,

    /// Most messages a second that are read from one client; as many may come at once. What comes faster waits, and a client
    /// that goes on like that loses its connection.
    #[arg(long, env = "REALTIME_MESSAGE_RATE", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub message_rate: Option<u32>,

    /// What may wait for a client that reads slowly, e.g. 1Mi. A client that takes none of it for a pingTimeout loses its connection.
    #[arg(long, env = "REALTIME_SEND_BUFFER", value_name = "BYTES", value_parser = bytes, default_value = "1Mi")]
    pub send_buffer: usize,

    /// Memory of which nine tenths may be in use when a new connection is opened: bytes, e.g. 512Mi; "cgroup" for the container's limit, if it has
    /// one; "none".
    #[arg(long, env = "REALTIME_MEMORY_LIMIT", value_name = "BYTES", value_parser = memory_limit, default_value = "cgroup")]
    pub memory_limit: MemoryLimit,

    /// How long a client may be away and still come back as itself, with its rooms and what it missed. 0s keeps nothing.
    #[arg(long, env = "REALTIME_RECOVERY_WINDOW", value_name = "DURATION", value_parser = window, default_value = "2m")]
    pub recovery_window: Duration,

    /// Memory for what was published meanwhile, e.g. 64Mi. When it is full, what is oldest goes first.
    #[arg(long, env = "REALTIME_RECOVERY_BYTES", value_name = "BYTES", value_parser = bytes, default_value = "64Mi")]
    pub recovery_bytes: usize,

    /// Most that one client is sent on its return; of one that missed more it is said that it did.
    #[arg(long, env = "REALTIME_RECOVERY_SESSION_BYTES", value_name = "BYTES", value_parser = bytes, default_value = "4Mi")]
    pub recovery_session_bytes: usize,

    /// Options of replicas that hand requests to each other.
    #[command(flatten)]
    pub peers: Peers,

    /// Options of replicas that share their connections with new ones.
    #[command(flatten)]
    pub rebalance: Rebalance,

    /// Options of publishing by programs.
    #[command(flatten)]
    pub publish: Publish,

    /// Options of the backplane.
    #[command(flatten)]
    pub redis: Redis,

    /// How log lines look.
    #[arg(long, env = "REALTIME_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,

    /// What is logged, e.g. "info", "debug" or "info,realtime_server::gate=debug".
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,

    /// Options of traces.
    #[command(flatten)]
    pub traces: Traces,
}

impl Options {
    /// What may be kept for clients that come back.
    #[must_use]
    pub fn recovery(&self) -> Limits {
        Limits { window: self.recovery_window, bytes: self.recovery_bytes, session_bytes: self.recovery_session_bytes }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What takes effect at start only: the engine is built with it, and the load balancer knows it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Path of the Socket.IO endpoint, without a slash at its end.
    pub path: String,
    /// Transports that clients may use.
    pub transports: Vec<Transport>,
    /// Time between two pings.
    pub ping_interval: Duration,
    /// How long the answer to a ping may take.
    pub ping_timeout: Duration,
}

impl Settings {
    /// The settings that a spec asks for.
    #[must_use]
    pub fn of_spec(spec: &RealtimeServiceSpec) -> Self {
        Self {
            path: spec.path.clone(),
            transports: spec.transports.clone(),
            ping_interval: spec.timeouts.ping_interval.get(),
            ping_timeout: spec.timeouts.ping_timeout.get(),
        }
    }

    /// The same, with what was set on the command line or by environment.
    #[must_use]
    pub fn with(self, options: &Options) -> Self {
        Self {
            path: options.path.clone().unwrap_or(self.path),
            transports: options.transports.clone().unwrap_or(self.transports),
            ping_interval: options.ping_interval.unwrap_or(self.ping_interval),
            ping_timeout: options.ping_timeout.unwrap_or(self.ping_timeout),
        }
    }

    /// Whether clients may use this transport.
    #[must_use]
    pub fn allows(&self, transport: Transport) -> bool {
        self.transports.contains(&transport)
    }
}

fn path(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "/._~-".contains(c);
    let segments_hold = text.split('/').skip(1).all(|segment| !segment.is_empty());
    if text.starts_with('/') && segments_hold && text.chars().all(legal) && text != "/ready" {
        Ok(text.to_owned())
    } else {
        Err("a path starts with '/', has no '/' at its end and is not /ready, e.g. /socket.io".to_owned())
    }
}

fn transport(text: &str) -> Result<Transport, String> {
    [Transport::Websocket, Transport::Polling]
        .into_iter()
        .find(|transport| transport.as_str() == text.trim())
        .ok_or_else(|| "a transport is websocket or polling".to_owned())
}

/// The range of `spec.timeouts.pingInterval` and `pingTimeout`.
fn ping(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| match (Duration::from_secs(1)..=Duration::from_secs(300)).contains(&time) {
        true => Ok(time),
        false => Err("must be between 1s and 5m".to_owned()),
    })
}

/// The range of `spec.timeouts.maxConnectionAge`.
fn age(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|age| match (Duration::from_secs(10)..=Duration::from_secs(86400)).contains(&age) {
        true => Ok(age),
        false => Err("must be between 10s and 24h".to_owned()),
    })
}

fn message_size(text: &str) -> Result<u32, String> {
    let size = bytes(text)?;
    let size = u32::try_from(size).ok().filter(|size| (1024..=100 << 20).contains(size));
    size.ok_or_else(|| "must be between 1Ki and 100Mi".to_owned())
}

fn memory_limit(text: &str) -> Result<MemoryLimit, String> {
    match text {
        "cgroup" => Ok(MemoryLimit::Cgroup),
        "none" => Ok(MemoryLimit::None),
        text => bytes(text).map(|bytes| MemoryLimit::Bytes(bytes as u64)),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<Written>().map(Written::get).map_err(|error| error.to_string())
}

/// Whoever is away longer has closed the page.
fn window(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| match time <= Duration::from_secs(3600) {
        true => Ok(time),
        false => Err("must be at most 1h".to_owned()),
    })
}

/// A number of bytes as Kubernetes writes it.
fn bytes(text: &str) -> Result<usize, String> {
    let units = [("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30)];
    let unit = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (digits, factor) = unit.unwrap_or((text, 1_usize));
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<usize>().ok().filter(|_| is_number).and_then(|number| number.checked_mul(factor));
    number.ok_or_else(|| "a number of bytes, e.g. 1048576 or 64Mi".to_owned())
}
