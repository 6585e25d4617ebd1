//! What the operator is at when it dies.

use serde_json::Value;

use super::SERVICE;
use crate::specs::{by_gateway, other, plain, rich};

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
}

/// The bundled server of the next version.
pub(super) const NEXT_IMAGE: &str = "realtime-server:next";

pub(super) const SCENARIOS: [Scenario; 6] = [
    Scenario { name: "create", before: || None, after: || Some(rich(SERVICE)), upgrades: false },
    Scenario { name: "update", before: || Some(rich(SERVICE)), after: || Some(other(SERVICE)), upgrades: false },
    Scenario {
        name: "exposure switch",
        before: || Some(rich(SERVICE)),
        after: || Some(by_gateway(SERVICE)),
        upgrades: false,
    },
    Scenario { name: "feature off", before: || Some(rich(SERVICE)), after: || Some(plain(SERVICE)), upgrades: false },
    Scenario { name: "delete", before: || Some(rich(SERVICE)), after: || None, upgrades: false },
    Scenario { name: "upgrade", before: || Some(rich(SERVICE)), after: || None, upgrades: true },
];
