//! Metrics in OpenMetrics text. Labels come from closed sets only; docs/metrics.md describes each, and a test holds the two together.

mod labels;
mod services;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use realtime_crds::{
    RealtimeServiceStatus,
    conditions::{ConditionType, Reason},
};

pub(crate) use labels::{Answer, Ended, Scraped, Verb, Watched};
use labels::{ByKind, ByOutcome, ByReason, ByRequest, ByResult, ByRung, Words};
use realtime_doctor::{Rung, Verdict};
pub(crate) use services::Services;

use crate::autoscale::Why;

/// The label of a probe that no rung stopped.
const NO_RUNG: &str = "none";

/// The operator's metrics.
pub struct Metrics {
    registry: Mutex<Registry>,
    reconciles: Family<ByOutcome, Counter>,
    duration: Histogram,
    problems: Family<ByReason, Counter>,
    under_way: Gauge,
    requests: Family<ByRequest, Counter>,
    scrapes: Family<ByResult, Counter>,
    scalings: Family<ByReason, Counter>,
    interruptions: Family<ByKind, Counter>,
    probes: Family<ByRung, Counter>,
    probes_under_way: Gauge,
    leader: Gauge,
    /// Services whose last reconcile failed.
    pub(crate) retrying: Gauge,
    /// What there is to tell of each service.
    pub(crate) services: Arc<Services>,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registry: Mutex::default(),
            reconciles: Family::default(),
            duration: Histogram::new([0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]),
            problems: Family::default(),
            under_way: Gauge::default(),
            requests: Family::default(),
            scrapes: Family::default(),
            scalings: Family::default(),
            interruptions: Family::default(),
            probes: Family::default(),
            probes_under_way: Gauge::default(),
            leader: Gauge::default(),
            retrying: Gauge::default(),
            services: Arc::default(),
        };
        // A counter that begins with its first event has no increase then: where the sets are small, all are there from the start.
        for ended in Ended::ALL {
            metrics.reconciles.get_or_create(&ByOutcome { outcome: ended.as_str() }).inc_by(0);
        }
        for scraped in Scraped::ALL {
            metrics.scrapes.get_or_create(&ByResult { result: scraped.as_str() }).inc_by(0);
        }
        for why in Why::ALL.iter().filter(|why| why.changes()) {
            metrics.scalings.get_or_create(&ByReason { reason: why.as_str() }).inc_by(0);
        }
        metrics.probes.get_or_create(&ByRung { verdict: Verdict::Pass.as_str(), rung: NO_RUNG }).inc_by(0);
        let mut registry = Registry::default();
        metrics.register(registry.sub_registry_with_prefix("realtime_operator"));
        realtime_telemetry::process::register(&mut registry);
        Self { registry: Mutex::new(registry), ..metrics }
    }
}

impl Metrics {
    fn register(&self, registry: &mut Registry) {
        let Self {
            registry: _,
            reconciles,
            duration,
            problems,
            under_way,
            requests,
            scrapes,
            scalings,
            interruptions,
            probes,
            probes_under_way,
            leader,
            retrying,
            services,
        } = self;
        registry.register("build", "What runs here", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register("reconciles", "Reconciles by how they ended", reconciles.clone());
        let help = "Time that a reconcile took";
        registry.register_with_unit("reconcile_duration", help, Unit::Seconds, duration.clone());
        let help = "Reconciles after which Ready was not True, by its reason";
        registry.register("reconcile_problems", help, problems.clone());
        registry.register("reconciles_under_way", "Reconciles that are at work", under_way.clone());
        let help = "Services whose last reconcile failed and is tried again after a pause";
        registry.register("services_retrying", help, retrying.clone());
        let help = "Requests to the apiserver by verb, kind and result; watches and the Lease are not among them";
        registry.register("api_requests", help, requests.clone());
        registry.register("pod_scrapes", "Times that a server was asked for its status, by result", scrapes.clone());
        let help = "Times that the number of a service's pods was changed by its connections, by why";
        registry.register("scalings", help, scalings.clone());
        registry.register("watch_interruptions", "Watches that broke and began anew, by kind", interruptions.clone());
        registry.register("probes", "Probes by verdict and by the rung that decides", probes.clone());
        registry.register(
            "probes_under_way",
            "Probes that are at work or wait for their turn",
            probes_under_way.clone(),
        );
        registry.register("leader", "Whether this process holds the lease", leader.clone());
        registry.register_collector(Box::new(Arc::clone(services)));
    }

    /// Counts the answer to a request.
    pub(crate) fn answered(&self, verb: Verb, kind: &'static str, answer: Answer) {
        self.requests.get_or_create(&ByRequest { verb: verb.as_str(), kind, result: answer.as_str() }).inc();
    }

    /// Counts a reconcile until it ends.
    pub(crate) fn begin(&self) -> UnderWay<'_> {
        self.under_way.inc();
        UnderWay { metrics: self, since: Instant::now() }
    }

    /// Counts why a service is not ready, if it is not.
    pub(crate) fn judged(&self, status: &RealtimeServiceStatus) {
        let root = status.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str());
        let Some(root) = root.filter(|root| root.status != "True") else { return };
        if let Some(reason) = Reason::ALL.iter().find(|reason| reason.as_str() == root.reason) {
            self.problems.get_or_create(&ByReason { reason: reason.as_str() }).inc();
        }
    }

    /// Counts an answer, or none, of a server.
    pub(crate) fn scraped(&self, result: Scraped) {
        self.scrapes.get_or_create(&ByResult { result: result.as_str() }).inc();
    }

    /// Counts a change of the number of pods.
    pub(crate) fn scaled(&self, why: Why) {
        self.scalings.get_or_create(&ByReason { reason: why.as_str() }).inc();
    }

    /// Counts a probe by what decides it.
    pub(crate) fn probed(&self, verdict: Verdict, rung: Option<Rung>) {
        let rung = rung.map_or(NO_RUNG, Rung::as_str);
        self.probes.get_or_create(&ByRung { verdict: verdict.as_str(), rung }).inc();
    }

    /// Says how many probes are under way.
    pub(crate) fn probes_under_way(&self, number: usize) {
        self.probes_under_way.set(i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// Shows a watch among those that may be interrupted.
    pub(crate) fn watching(&self, watched: Watched) {
        self.interruptions.get_or_create(&ByKind { kind: watched.as_str() }).inc_by(0);
    }

    /// Counts an interruption of a watch.
    pub(crate) fn interrupted(&self, watched: Watched) {
        self.interruptions.get_or_create(&ByKind { kind: watched.as_str() }).inc();
    }

    /// Says whether this process holds the lease.
    pub fn set_leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// All metrics as OpenMetrics text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &registry).expect("writing to a String cannot fail");
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// A reconcile that is at work. One that is dropped before its end was cut off, and is not counted among those that ended.
#[derive(Debug)]
pub(crate) struct UnderWay<'m> {
    metrics: &'m Metrics,
    since: Instant,
}

impl UnderWay<'_> {
    pub(crate) fn end(self, ended: Ended) {
        self.metrics.reconciles.get_or_create(&ByOutcome { outcome: ended.as_str() }).inc();
        self.metrics.duration.observe(self.since.elapsed().as_secs_f64());
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.metrics.under_way.dec();
    }
}
