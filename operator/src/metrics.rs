//! Metrics in OpenMetrics text. Labels come from closed sets only.

use std::{sync::Mutex, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{plan::Kind, status::Outcome};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByRequest {
    kind: &'static str,
    result: &'static str,
}

/// The operator's metrics.
pub struct Metrics {
    registry: Mutex<Registry>,
    reconciles: Family<ByOutcome, Counter>,
    duration: Histogram,
    applies: Family<ByRequest, Counter>,
    leader: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("realtime_operator");
        let reconciles = Family::default();
        let duration = Histogram::new([0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]);
        let applies = Family::default();
        let leader = Gauge::default();
        registry.register("reconciles", "Reconciles by how they ended", reconciles.clone());
        registry.register_with_unit(
            "reconcile_duration",
            "Time that a reconcile took",
            Unit::Seconds,
            duration.clone(),
        );
        registry.register("apply_requests", "Server-side applies that were sent, by kind and result", applies.clone());
        registry.register("leader", "Whether this process holds the lease", leader.clone());
        Self { registry: Mutex::new(registry), reconciles, duration, applies, leader }
    }
}

impl Metrics {
    pub(crate) fn applied(&self, kind: Kind, good: bool) {
        let result = if good { "success" } else { "error" };
        self.applies.get_or_create(&ByRequest { kind: kind.as_str(), result }).inc();
    }

    pub(crate) fn reconciled(&self, outcome: &Outcome, took: Duration) {
        let outcome = match outcome {
            Outcome::Invalid(_) => "invalid",
            Outcome::Taken { .. } => "host_path_conflict",
            Outcome::Observed(observed) if !observed.refused.is_empty() => "refused",
            Outcome::Observed(observed) if !observed.failures.is_empty() => "api_error",
            Outcome::Observed(observed) if !observed.foreign.is_empty() => "foreign_object",
            Outcome::Observed(_) => "success",
        };
        self.reconciles.get_or_create(&ByOutcome { outcome }).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Says whether this process holds the lease.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// All metrics as OpenMetrics text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        encode(&mut text, &registry).expect("writing to a String cannot fail");
        text
    }
}
