//! Resources as a user writes them. JSON is YAML, so that a file of it does for `kubectl` and for the server.

use serde_json::{Value, json};

/// Name of the resource in every test.
pub const NAME: &str = "chat";
/// Path of the client that must work.
pub const PATH: &str = "/oursocketio";

/// A service that these origins may reach.
#[must_use]
pub fn allowing(origins: &[&str]) -> Value {
    with_origins(json!({"allow": origins}))
}

/// A service with this `spec.origins`.
#[must_use]
pub fn with_origins(origins: Value) -> Value {
    json!({
        "apiVersion": "realtime-operator.dev/v1alpha1",
        "kind": "RealtimeService",
        "metadata": {"name": NAME},
        "spec": {"host": "chat.domain-a.com", "path": PATH, "origins": origins},
    })
}
