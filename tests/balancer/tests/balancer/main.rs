//! The load balancer against a real apiserver, with real servers behind it and real clients in front.

mod affinity;
mod backend;
mod client;
mod draining;
mod following;
mod health;
mod program;
mod routing;
mod stage;
mod timeout;
mod tls;
