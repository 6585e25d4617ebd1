//! `spec.auth.jwt`: who gets in, what the others hear, and what changes while connections are open.

mod changes;
mod entry;
#[path = "../harness/mod.rs"]
mod harness;
mod javascript;
mod key_sources;
mod support;
