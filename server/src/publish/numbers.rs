//! What Prometheus scrapes about what programs publish.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use realtime_backplane::QueueState;
use tokio::sync::watch;

use super::{Taken, refusal::Refusal};

/// Every number about what programs publish.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    requests: Family<Outcome, Counter>,
    events: Family<Result, Counter>,
    connected: Gauge,
    length: Gauge,
    pending: Gauge,
    dead: Counter,
}

/// Label of requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    /// `ok`, or why not.
    result: &'static str,
}

/// Labels of events.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Result {
    /// `http` or `queue`.
    via: &'static str,
    /// `taken`, `duplicate`, or why not.
    result: &'static str,
}

/// How an event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// By HTTP.
    Http,
    /// Through the queue.
    Queue,
}

impl Numbers {
    /// Registers all of them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("publish");
        registry.register("requests", "Requests to publish, by result", self.requests.clone());
        registry.register("events", "Events of programs, by result", self.events.clone());
        registry.register("queue_connected", "Whether the queue is read; 0 without one too", self.connected.clone());
        registry.register("queue_length", "Entries of the queue", self.length.clone());
        registry.register("queue_pending", "Entries that were handed out and not settled", self.pending.clone());
        registry.register("dead_letters", "Entries that were given up", self.dead.clone());
    }

    pub(super) fn request(&self, result: &'static str) {
        self.requests.get_or_create(&Outcome { result }).inc();
    }

    pub(super) fn event(&self, via: Via, taken: &std::result::Result<Taken, Refusal>) {
        let result = match taken {
            Ok(Taken { is_new: true, .. }) => "taken",
            Ok(Taken { is_new: false, .. }) => "duplicate",
            Err(refusal) => refusal.reason.as_str(),
        };
        let via = match via {
            Via::Http => "http",
            Via::Queue => "queue",
        };
        self.events.get_or_create(&Result { via, result }).inc();
    }

    pub(super) fn dead_letter(&self) {
        self.dead.inc();
    }

    pub(super) fn dead_letters(&self) -> u64 {
        self.dead.get()
    }
}

/// Keeps the gauges current.
pub(super) async fn follow(mut state: watch::Receiver<QueueState>, numbers: Numbers) {
    loop {
        {
            let state = state.borrow_and_update();
            numbers.connected.set(i64::from(state.problem.is_none()));
            numbers.length.set(i64::try_from(state.length).unwrap_or(i64::MAX));
            numbers.pending.set(i64::try_from(state.pending).unwrap_or(i64::MAX));
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}
