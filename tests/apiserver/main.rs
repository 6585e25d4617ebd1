//! The operator against a real kube-apiserver: the real process, with the rights that its chart gives it.

mod applying;
mod at_rest;
mod autoscaling;
mod bad_input;
mod conflict;
mod diff;
mod drift;
mod exposure;
mod foreign;
mod gateways;
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
mod readiness;
mod removal;
mod rendered;
mod reports;
mod server_watch;
mod traces;
