//! Several real servers behind a load balancer that knows nothing of sessions: any request may reach any of them.
#![allow(missing_docs, clippy::unwrap_used, reason = "a panic is a failed test")]

mod crowd;
mod envoy;
mod going;
#[path = "../harness/mod.rs"]
mod harness;
mod ids;

use harness::{Server, manifest};

const ORIGINS: &str = r#"{allow: ["https://app.domain-b.com"]}"#;
const PEER_PORT: u16 = 8082;

/// So many servers that hand requests to each other.
fn replicas<const COUNT: usize>() -> [Server; COUNT] {
    let hosts = hosts::<COUNT>();
    hosts.clone().map(|host| replica(&host, &hosts))
}

/// Addresses that no other test has: each replica listens on the same port, as pods do.
fn hosts<const COUNT: usize>() -> [String; COUNT] {
    let [a, b]: [u8; 2] = rand::random();
    std::array::from_fn(|index| format!("127.{}.{b}.{}", a | 1, index + 2))
}

fn replica(host: &str, all: &[String]) -> Server {
    replica_with(host, all, &[])
}

fn replica_with(host: &str, all: &[String], more: &[&str]) -> Server {
    let listen = format!("{host}:{PEER_PORT}");
    let options = ["--peer-listen", &listen, "--peers", &all.join(",")];
    Server::start_with(&manifest(ORIGINS), &[&options[..], more].concat())
}
