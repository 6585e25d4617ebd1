//! The operator of [`RealtimeService`](realtime_crds::RealtimeService)s.
//!
//! A reconcile reads top-down in [`reconcile`]: inputs → plan → apply → observe → status. The plan is a pure
//! function that the command line and the tests call too.

pub mod admin;
pub mod apply;
pub mod autoscale;
pub mod children;
mod claims;
pub mod controller;
mod costs;
mod drift;
pub mod effects;
mod events;
pub mod fleet;
mod inputs;
mod kept;
pub mod leader;
pub mod metrics;
pub mod observe;
pub mod options;
mod packed;
pub mod plan;
pub mod probe;
mod reconcile;
mod request;
pub mod status;
mod transition;
mod watches;
