//! What the operator is at when it dies.

use serde_json::Value;

use super::{SERVICE, pods::Pods};
use crate::specs::{by_connections, by_cpu, by_gateway, by_hand, other, plain, rich};

/// One change of a service.
#[derive(Clone, Copy)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// What there is before; none means nothing.
    pub(super) before: fn() -> Option<Value>,
    /// What is asked for; none means that it is deleted.
    pub(super) after: fn() -> Option<Value>,
    /// Whether nothing is asked for, and another version of the operator takes over.
    pub(super) upgrades: bool,
    /// What is promised of the number of pods; none where Kubernetes' own autoscaler decides on it.
    pub(super) pods: Option<Pods>,
}

/// The bundled server of the next version.
pub(super) const NEXT_IMAGE: &str = "realtime-server:next";

const fn scenario(name: &'static str, before: fn() -> Option<Value>, after: fn() -> Option<Value>) -> Scenario {
    Scenario { name, before, after, upgrades: false, pods: None }
}

pub(super) const SCENARIOS: [Scenario; 11] = [
    scenario("create", || None, || Some(rich(SERVICE))),
    scenario("update", || Some(rich(SERVICE)), || Some(other(SERVICE))),
    scenario("exposure switch", || Some(rich(SERVICE)), || Some(by_gateway(SERVICE))),
    scenario("feature off", || Some(rich(SERVICE)), || Some(plain(SERVICE))),
    scenario("delete", || Some(rich(SERVICE)), || None),
    Scenario { upgrades: true, ..scenario("upgrade", || Some(rich(SERVICE)), || None) },
    Scenario {
        pods: Some(Pods { by_hand: None, floor: 5, end: 5, by_connections: true }),
        ..scenario("connections on", || Some(by_hand(SERVICE, 5)), || Some(by_connections(SERVICE, 2)))
    },
    Scenario {
        pods: Some(Pods { by_hand: Some(5), floor: 3, end: 3, by_connections: false }),
        ..scenario("connections off", || Some(by_connections(SERVICE, 2)), || Some(by_hand(SERVICE, 3)))
    },
    Scenario {
        pods: Some(Pods { by_hand: Some(5), floor: 5, end: 5, by_connections: false }),
        ..scenario("connections to CPU", || Some(by_connections(SERVICE, 2)), || Some(by_cpu(SERVICE)))
    },
    Scenario {
        pods: Some(Pods { by_hand: Some(5), floor: 5, end: 5, by_connections: true }),
        ..scenario("CPU to connections", || Some(by_cpu(SERVICE)), || Some(by_connections(SERVICE, 2)))
    },
    Scenario {
        pods: Some(Pods { by_hand: None, floor: 2, end: 4, by_connections: true }),
        ..scenario("more at the least", || Some(by_connections(SERVICE, 2)), || Some(by_connections(SERVICE, 4)))
    },
];
