//! What Prometheus scrapes from the admin port.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};

use crate::recovery::numbers::Numbers;

/// Every number that the server counts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Engine.IO sessions by transport.
    pub connections: Family<Transport, Gauge>,
    /// TCP connections of the public port that speak HTTP; WebSockets are not among them.
    pub http_connections: Gauge,
    /// Handshakes that opened a session.
    pub handshakes: Family<Handshake, Counter>,
    /// Verdicts of the origin policy.
    pub decisions: Family<Verdict, Counter>,
    /// Requests that Engine.IO's rules refused.
    pub refusals: Family<Code, Counter>,
    /// Sessions that the server closed.
    pub closed: Family<Cause, Counter>,
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
    /// Clients that come back.
    pub recovery: Numbers,
}

/// Label: a transport.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Transport {
    /// `websocket` or `polling`.
    pub transport: &'static str,
}

/// Labels of a handshake.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Handshake {
    /// `websocket` or `polling`.
    pub transport: &'static str,
    /// Version of Engine.IO, 3 or 4.
    pub eio: u8,
}

/// Labels of a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Verdict {
    /// `polling`, `preflight` or `upgrade`.
    pub door: &'static str,
    /// `allowed`, `denied`, or `reported`: served although denied.
    pub verdict: &'static str,
    /// Why it was denied, as in `DenyReason`; empty where it was not.
    pub reason: &'static str,
}

/// Label: an Engine.IO error code.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Code {
    /// 0 to 5.
    pub code: u8,
}

/// Label: why the server closed a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Cause {
    /// `policy`, `shutdown`, `abandoned`, `token_expired` or `token_refused`.
    pub cause: &'static str,
}

/// Labels of a verdict on a token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Token {
    /// `accepted` or `refused`.
    pub verdict: &'static str,
    /// Why it was refused, as in `auth::refusal::Reason`; empty where it was not.
    pub reason: &'static str,
}

/// Label: what became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// `ok` or `failed`.
    pub outcome: &'static str,
}

/// Label: a Socket.IO event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Event {
    /// Name of one of the bundled handlers.
    pub event: &'static str,
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("realtime_server"),
            connections: Family::default(),
            http_connections: Gauge::default(),
            handshakes: Family::default(),
            decisions: Family::default(),
            refusals: Family::default(),
            closed: Family::default(),
            events: Family::default(),
            tokens: Family::default(),
            keys: Gauge::default(),
            key_refreshes: Family::default(),
            policy_generation: Gauge::default(),
            policy_since: Gauge::default(),
            policy_problems: Gauge::default(),
            watch_connected: Gauge::default(),
            denied_evictions: Counter::default(),
            recovery: Numbers::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "What runs here", build);
        registry.register("connections", "Engine.IO sessions by transport", self.connections.clone());
        registry.register("http_connections", "TCP connections that speak HTTP", self.http_connections.clone());
        registry.register("handshakes", "Handshakes that opened a session", self.handshakes.clone());
        registry.register("origin_decisions", "Verdicts of the origin policy by door", self.decisions.clone());
        registry.register("refusals", "Requests refused by Engine.IO error code", self.refusals.clone());
        registry.register("sessions_closed", "Sessions that the server closed, by cause", self.closed.clone());
        registry.register("events", "Socket.IO events received", self.events.clone());
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
        self.recovery.register(registry);
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
