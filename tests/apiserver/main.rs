//! The operator against a real kube-apiserver: the real process, with the rights that its chart gives it.

mod applying;
mod at_rest;
mod autoscaling;
mod backplane;
mod bad_input;
mod conflict;
mod connections_decide;
mod describe_shows;
mod diff;
mod drift;
mod exposure;
mod foreign;
mod gateways;
mod gitops;
mod invalid;
mod kubectl_shows;
mod leadership;
mod manifests;
mod metrics;
mod missing_kind;
mod outage;
mod owner_wishes;
mod plan;
mod probes;
mod reachable;
mod readiness;
#[allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    reason = "the server's tests use all of it; a panic is a failed test"
)]
#[path = "../../server/tests/backplane/redis.rs"]
mod redis;
mod removal;
mod rendered;
mod reports;
mod server_watch;
mod status_command;
mod traces;
