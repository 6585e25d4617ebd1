//! What Prometheus scrapes from the admin port. docs/metrics.md has a line for each.

mod labels;

use std::sync::{Arc, atomic::AtomicU64};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use realtime_crds::v1alpha1;

pub use labels::{
    Closed, Code, Direction, Event, Forward, Handshake, Kind, Opening, Outcome, Reason, Token, Transport, Verdict,
};

use crate::{
    lifetime,
    options::Options,
    publish,
    recovery::{numbers::Numbers, shared},
};

/// Seconds, from a connection that never worked to a day.
const DURATIONS: [f64; 12] = [1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0, 86400.0];

/// Every number that the server counts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Engine.IO sessions.
    pub connections: Family<Kind, Gauge>,
    /// TCP connections of the public port that speak HTTP; WebSockets are not among them.
    pub http_connections: Gauge,
    /// Handshakes.
    pub handshakes: Family<Handshake, Counter>,
    /// Sessions that ended.
    pub closed: Family<Closed, Counter>,
    /// Sockets that the server disconnected from their namespace; their sessions may stay.
    pub disconnects: Family<Event, Counter>,
    /// How long sessions were open.
    pub durations: Family<Transport, Histogram, fn() -> Histogram>,
    /// Moves.
    pub lifetime: lifetime::numbers::Numbers,
    /// Messages that a full buffer did not take.
    pub dropped: Counter,
    /// Times that a client was slowed down.
    pub throttles: Counter,
    /// Handshakes refused for overload.
    pub overload_refusals: Family<Reason, Counter>,
    /// Memory in use.
    pub memory: Gauge,
    /// Verdicts of the origin policy.
    pub decisions: Family<Verdict, Counter>,
    /// Requests that Engine.IO's rules refused.
    pub refusals: Family<Code, Counter>,
    /// Socket.IO events received.
    pub events: Family<Event, Counter>,
    /// Verdicts on tokens.
    pub tokens: Family<Token, Counter>,
    /// Keys that check tokens.
    pub keys: Gauge,
    /// Times that they were read.
    pub key_refreshes: Family<Outcome, Counter>,
    /// Generation of the policy in force.
    pub policy_generation: Gauge,
    /// When it came into force.
    pub policy_since: Gauge,
    /// Problems of a newer version that is not in force.
    pub policy_problems: Gauge,
    /// Whether the API answers.
    pub watch_connected: Gauge<i64>,
    /// Distinct denied origins that were dropped from the bounded table.
    pub denied_evictions: Counter<u64, AtomicU64>,
    /// Other replicas that are known, this one included.
    pub peers: Gauge,
    /// Requests handed to other replicas.
    pub forwarded: Family<Forward, Counter>,
    /// WebSockets whose session is on another replica.
    pub tunnels: Gauge,
    /// Clients that come back.
    pub recovery: Numbers,
    /// Other replicas.
    pub backplane: shared::numbers::Numbers,
    /// Events of programs.
    pub publish: publish::numbers::Numbers,
    websockets: Arc<Traffic>,
    polling: Arc<Traffic>,
}

/// Messages by one transport.
#[derive(Debug, Default)]
pub struct Traffic {
    received: Counter,
    received_bytes: Counter,
    sent: Counter,
    sent_bytes: Counter,
    at_once: Counter,
}

impl Traffic {
    fn of(messages: &Family<Direction, Counter>, bytes: &Family<Direction, Counter>, transport: &'static str) -> Self {
        let counter = |family: &Family<Direction, Counter>, direction| {
            family.get_or_create_owned(&Direction { direction, transport })
        };
        Self {
            received: counter(messages, "received"),
            received_bytes: counter(bytes, "received"),
            sent: counter(messages, "sent"),
            sent_bytes: counter(bytes, "sent"),
            at_once: Counter::default(),
        }
    }

    /// A message of so many bytes came.
    pub fn received(&self, bytes: u64) {
        self.received.inc();
        self.received_bytes.inc_by(bytes);
    }

    /// A message of so many bytes went.
    pub fn sent(&self, bytes: u64) {
        self.sent.inc();
        self.sent_bytes.inc_by(bytes);
    }

    /// A message of so many bytes went past the engine.
    pub fn sent_at_once(&self, bytes: u64) {
        self.sent(bytes);
        self.at_once.inc();
    }

    /// Messages that went.
    #[must_use]
    pub fn messages_sent(&self) -> u64 {
        self.sent.get()
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let (messages, bytes) = (Family::default(), Family::default());
        let mut metrics = Self {
            registry: Registry::with_prefix("realtime_server"),
            connections: Family::default(),
            http_connections: Gauge::default(),
            handshakes: Family::default(),
            closed: Family::default(),
            disconnects: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            lifetime: lifetime::numbers::Numbers::default(),
            dropped: Counter::default(),
            throttles: Counter::default(),
            overload_refusals: Family::default(),
            memory: Gauge::default(),
            decisions: Family::default(),
            refusals: Family::default(),
            events: Family::default(),
            tokens: Family::default(),
            keys: Gauge::default(),
            key_refreshes: Family::default(),
            policy_generation: Gauge::default(),
            policy_since: Gauge::default(),
            policy_problems: Gauge::default(),
            watch_connected: Gauge::default(),
            denied_evictions: Counter::default(),
            peers: Gauge::default(),
            forwarded: Family::default(),
            tunnels: Gauge::default(),
            recovery: Numbers::default(),
            backplane: shared::numbers::Numbers::default(),
            publish: publish::numbers::Numbers::default(),
            websockets: Arc::new(Traffic::of(&messages, &bytes, "websocket")),
            polling: Arc::new(Traffic::of(&messages, &bytes, "polling")),
        };
        let at_once = metrics.websockets.at_once.clone();
        metrics.register_connections();
        let help = "Published messages that were written past the engine";
        metrics.registry.register("messages_at_once", help, at_once);
        metrics.registry.register("messages", "Engine.IO messages", messages);
        metrics.registry.register_with_unit("message", "Length of Engine.IO messages", Unit::Bytes, bytes);
        metrics.register_policy();
        metrics
    }

    fn register_connections(&mut self) {
        let registry = &mut self.registry;
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What runs here", build);
        registry.register("connections", "Open Engine.IO sessions", self.connections.clone());
        registry.register("http_connections", "TCP connections that speak HTTP", self.http_connections.clone());
        registry.register("handshakes", "Handshakes by verdict and reason", self.handshakes.clone());
        registry.register("sessions_closed", "Sessions that ended, by cause", self.closed.clone());
        let help = "Sockets that the server disconnected, by the event before";
        registry.register("disconnects", help, self.disconnects.clone());
        let durations = self.durations.clone();
        registry.register_with_unit("session_duration", "How long sessions were open", Unit::Seconds, durations);
        self.lifetime.register(registry);
        registry.register("messages_dropped", "Messages that a full buffer did not take", self.dropped.clone());
        registry.register("throttles", "Times that a client was slowed down", self.throttles.clone());
        let overload = self.overload_refusals.clone();
        registry.register("overload_refusals", "Handshakes refused with 503 for overload", overload);
        registry.register("refusals", "Requests refused by Engine.IO error code", self.refusals.clone());
        registry.register("events", "Socket.IO events received", self.events.clone());
        registry.register("peers", "Replicas that are known, this one included", self.peers.clone());
        registry.register("forwarded", "Requests handed to other replicas", self.forwarded.clone());
        registry.register(
            "forwarded_websockets",
            "WebSockets whose session is on another replica",
            self.tunnels.clone(),
        );
        self.recovery.register(registry);
        self.backplane.register(registry);
        self.publish.register(registry);
    }

    fn register_policy(&mut self) {
        let registry = &mut self.registry;
        registry.register("origin_decisions", "Verdicts of the origin policy by door", self.decisions.clone());
        registry.register("tokens", "Verdicts on tokens by reason", self.tokens.clone());
        registry.register("keys", "Keys that check tokens", self.keys.clone());
        registry.register("key_refreshes", "Times that the keys were read, by outcome", self.key_refreshes.clone());
        registry.register("policy_generation", "Generation of the policy in force", self.policy_generation.clone());
        registry.register(
            "policy_since_timestamp_seconds",
            "When the policy came into force",
            self.policy_since.clone(),
        );
        registry.register(
            "policy_problems",
            "Problems of a newer policy that is not in force",
            self.policy_problems.clone(),
        );
        registry.register("policy_watch_connected", "Whether the Kubernetes API answers", self.watch_connected.clone());
        registry.register(
            "denied_origins_evicted",
            "Denied origins that the bounded table gave up",
            self.denied_evictions.clone(),
        );
    }

    /// Shows the limits in force; one that is not set has no series.
    #[must_use]
    pub fn with_limits(mut self, options: &Options, memory: Option<u64>) -> Self {
        let registry = &mut self.registry;
        let gauge = |value: u64| {
            let gauge = Gauge::<i64>::default();
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            gauge
        };
        for (name, help, limit) in [
            ("connections_limit", "Most connections", options.max_connections),
            ("handshakes_per_second_limit", "Most new connections a second", options.handshake_rate),
            ("messages_per_second_limit", "Most messages a second of one client", options.message_rate),
        ] {
            if let Some(limit) = limit {
                registry.register(name, help, gauge(limit.into()));
            }
        }
        let sizes = [
            ("message_limit", "Longest message that a client may send", Some(options.max_message_size.into())),
            ("send_buffer_limit", "What may wait for one client", Some(options.send_buffer as u64)),
            ("memory_limit", "Memory that may be in use", memory),
        ];
        for (name, help, limit) in sizes {
            if let Some(limit) = limit {
                registry.register_with_unit(name, help, Unit::Bytes, gauge(limit));
            }
        }
        if memory.is_some() {
            registry.register_with_unit("memory", "Memory in use", Unit::Bytes, self.memory.clone());
        }
        self
    }

    /// Messages by a transport.
    #[must_use]
    pub fn traffic(&self, transport: v1alpha1::Transport) -> Arc<Traffic> {
        match transport {
            v1alpha1::Transport::Websocket => Arc::clone(&self.websockets),
            v1alpha1::Transport::Polling => Arc::clone(&self.polling),
        }
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String takes any text");
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
