//! Campaigns that try to break the operator: many cases each, on a real apiserver, etcd and controller-manager, behind a
//! proxy that fails on purpose. Each ends in a [`Summary`] that a person can quote.

pub mod ground;
pub mod operator;
pub mod proxy;
pub mod routes;
pub mod specs;
pub mod state;
pub mod summary;
pub mod workers;

pub mod co_owners;
pub mod crash;
pub mod faults;
pub mod foreign;
pub mod leadership;
pub mod mutations;
pub mod outages;
pub mod stale;

pub use ground::Ground;
pub use operator::Operator;
pub use summary::{Profile, Summary};
