//! What Prometheus scrapes about the backplane.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use realtime_backplane::{Backplane, Reason};
use tokio::time;

use super::Peers;

const PERIOD: Duration = Duration::from_secs(1);

/// Every number about the backplane.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    connected: Gauge,
    /// Events that the other replicas did not get.
    lost: Family<Lost, Counter>,
    lost_count: Arc<AtomicU64>,
    /// Entries that were read.
    pub received: Counter,
    /// Entries and messages that could not be read.
    pub unreadable: Counter,
    /// Times that the stream no longer had what was read last.
    pub holes: Counter,
    lag: Gauge<f64, AtomicU64>,
    peers: Gauge,
}

/// Label: why.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lost {
    /// As in [`Reason`].
    reason: &'static str,
}

impl Numbers {
    /// Registers all of them.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("backplane");
        registry.register("connected", "Whether Redis is there; 0 without a backplane too", self.connected.clone());
        registry.register("lost", "Published events that did not reach the other replicas", self.lost.clone());
        registry.register("received", "Entries of the stream that were read", self.received.clone());
        registry.register("unreadable", "Entries and messages that could not be read", self.unreadable.clone());
        registry.register("holes", "Times that the stream lost what was not read", self.holes.clone());
        registry.register_with_unit("lag", "How far behind the reader is", Unit::Seconds, self.lag.clone());
        registry.register("peers", "Other replicas that are there", self.peers.clone());
    }

    /// The others did not get an event.
    pub fn lost(&self, reason: Reason) {
        self.lost.get_or_create(&Lost { reason: reason.as_str() }).inc();
        self.lost_count.fetch_add(1, Ordering::Relaxed);
    }

    /// How many they did not get.
    #[must_use]
    pub fn all_lost(&self) -> u64 {
        self.lost_count.load(Ordering::Relaxed)
    }
}

/// Keeps the gauges current.
pub(super) async fn follow(backplane: Backplane, peers: Arc<Peers>, numbers: Numbers) {
    let mut state = backplane.state();
    loop {
        numbers.connected.set(i64::from(state.borrow_and_update().problem.is_none()));
        numbers.lag.set(backplane.lag().as_secs_f64());
        numbers.peers.set(i64::try_from(peers.count()).unwrap_or(i64::MAX));
        if time::timeout(PERIOD, state.changed()).await.is_ok_and(|changed| changed.is_err()) {
            return;
        }
    }
}
