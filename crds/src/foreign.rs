//! Kinds of other projects, cut down to the fields that the operator sets.

mod backend_config;

pub use backend_config::{BackendConfig, BackendConfigSpec, ConnectionDraining, HealthCheck, Logging, SessionAffinity};
