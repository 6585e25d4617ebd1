//! What Prometheus scrapes about moves.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// Every number about moves.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    /// Sessions that are being moved away.
    pub moving: Gauge,
    /// Sessions that were moved away.
    pub moves: Family<Move, Counter>,
    /// Age at which load balancers cut.
    pub age_limit: Gauge,
    /// Whether a replica came whose share is not settled yet.
    pub rebalancing: Gauge,
    /// Times that it was settled.
    pub rebalances: Family<Rebalanced, Counter>,
}

/// A session that was moved away.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Move {
    /// `rotation`, `drain` or `rebalance`.
    pub cause: &'static str,
    /// `quiet`: at a moment when nobody waited for anything; `forced`: when time was up.
    pub outcome: &'static str,
}

/// How replicas shared their clients with one that came.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Rebalanced {
    /// `balanced`; `given_up`: moves do not help, or take too long; `left_to_rotation`: connections become so young that it does the same.
    pub outcome: &'static str,
}

impl Numbers {
    /// Registers all of them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("connections_moving", "Sessions that are being moved away", self.moving.clone());
        registry.register("moves", "Sessions that were moved away", self.moves.clone());
        let age = "Age at which load balancers cut a WebSocket";
        registry.register_with_unit("connection_age_limit", age, Unit::Seconds, self.age_limit.clone());
        let help = "Whether a replica came whose share of the connections is not settled yet";
        registry.register("rebalancing", help, self.rebalancing.clone());
        let help = "Times that connections were shared with replicas that came, by how it ended";
        registry.register("rebalances", help, self.rebalances.clone());
    }
}
