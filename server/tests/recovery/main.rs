//! Clients whose connection is cut or moved come back as themselves: real clients, the real server, and a line between them.
#![allow(missing_docs, clippy::unwrap_used, reason = "a panic is a failed test")]

mod client;
mod cuts;
mod gaps;
#[path = "../harness/mod.rs"]
mod harness;
mod line;
mod log;
mod moves;
mod order;
mod owners;
mod protocol;
mod raw;
mod slow;

const ORIGINS: &str = r#"{allow: ["https://app.domain-b.com", "https://other.domain-c.com"]}"#;

fn server(options: &[&str]) -> harness::Server {
    harness::Server::start_with(&harness::manifest(ORIGINS), options)
}
