//! The marker: an event that the server sends to itself. It passes the engine's buffer like any other, and when the wire sees it, all
//! that was in the buffer before it is out. No client ever gets it.

use std::sync::LazyLock;

/// Of this process alone, so that nobody who publishes can invent it.
static NAME: LazyLock<String> = LazyLock::new(|| format!("marker-{:032x}", rand::random::<u128>()));
static BEGINNING: LazyLock<Vec<u8>> = LazyLock::new(|| format!("42[\"{}\"", *NAME).into_bytes());

/// Name of the event.
#[must_use]
pub fn name() -> &'static str {
    &NAME
}

/// Whether a text message of Engine.IO is the marker.
#[must_use]
pub fn is(message: &[u8]) -> bool {
    message.starts_with(&BEGINNING)
}
