//! What Prometheus scrapes about recovery.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{gap::Gap, log::Usage};

/// Every number about recovery.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    returns: Family<Return, Counter>,
    /// Published events that were sent from the log.
    pub replayed: Counter,
    /// Times that a client's buffer was full and it was fed from the log.
    pub lagging: Counter,
    entries: Gauge,
    sessions: Gauge,
    bytes: Gauge,
}

/// Label: what became of a client that came back, or missed something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Return {
    /// `recovered`, `refused` where the session is somebody else's, or why there is a gap, as in [`Gap`].
    outcome: &'static str,
}

impl Numbers {
    /// Registers all of them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("recovery");
        registry.register("returns", "Clients that came back, by what became of them", self.returns.clone());
        registry.register("replayed", "Published events that were sent from the log", self.replayed.clone());
        registry.register("lagging", "Times that a full buffer was by-passed through the log", self.lagging.clone());
        registry.register("log_entries", "Published events in the log", self.entries.clone());
        registry.register("log_sessions", "Sessions of clients that are away", self.sessions.clone());
        registry.register("log_bytes", "Memory of the log, sessions included", self.bytes.clone());
    }

    pub(super) fn recovered(&self) {
        self.count("recovered");
    }

    pub(super) fn refused(&self) {
        self.count("refused");
    }

    pub(super) fn gap(&self, gap: Gap) {
        self.count(gap.as_str());
    }

    pub(super) fn usage(&self, usage: Usage) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.entries.set(number(usage.entries));
        self.sessions.set(number(usage.sessions));
        self.bytes.set(number(usage.bytes));
    }

    fn count(&self, outcome: &'static str) {
        self.returns.get_or_create(&Return { outcome }).inc();
    }
}
