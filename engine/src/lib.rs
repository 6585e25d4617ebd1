//! Engine.IO sessions, for `socketioxide`: the public names are those of `engineioxide` 0.17, as far as `socketioxide` 0.18 uses them.
//!
//! A session that waits costs little: what is to be sent waits in one queue that takes room only while something is in it, and a
//! WebSocket has one task that reads, writes and keeps the beat. Packets and payloads are those of `engineioxide-core`.
//!
//! `service` → `request` (what is asked for) → `polling` or `websocket` (with `upgrade` between them) → `socket` ↔ the handler.

pub mod config;
pub mod handler;
pub mod service;
pub mod socket;

mod answer;
mod heartbeat;
mod outbox;
mod outgoing;
mod polling;
mod request;
mod sessions;
mod upgrade;
mod websocket;

pub use engineioxide_core::{ProtocolVersion, Str, TransportType};
pub use socket::{DisconnectReason, Socket};
