//! Climbs the ladder of a Socket.IO or WebSocket deployment as a browser on another site would, and says which rung breaks,
//! with what evidence, why and what to change.
//!
//! `judge`, `cors`, `engine` and `explain` are pure: they take what was observed and return findings. `climb` does the I/O: name,
//! TLS, requests one by one on connections of their own, so that the evidence is exactly what was sent.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a panic is a failed test"))]

mod climb;
pub mod cors;
pub mod engine;
pub mod exchange;
pub mod explain;
pub mod finding;
pub mod har;
mod judge;
pub mod reason;
pub mod report;
pub mod rung;
pub mod target;
mod words;

pub use climb::{FOREIGN, climb, climb_telling};
pub use exchange::Exchange;
pub use explain::explain;
pub use finding::{Finding, Step, Verdict};
pub use reason::Reason;
pub use report::Report;
pub use rung::Rung;
pub use target::{Target, TargetError};
