//! Several real servers that share a real Redis are one service.
#![allow(missing_docs, clippy::unwrap_used, reason = "a panic is a failed test")]

mod away;
#[allow(dead_code, reason = "recovery uses all of it")]
#[path = "../recovery/client.rs"]
mod client;
mod counts;
mod doors;
#[path = "../harness/mod.rs"]
mod harness;
mod interop;
mod kills;
#[allow(dead_code, reason = "recovery uses all of it")]
#[path = "../recovery/line.rs"]
mod line;
mod moves;
mod node;
mod pods;
#[allow(dead_code, reason = "recovery uses all of it")]
#[path = "../recovery/raw.rs"]
mod raw;
mod rebalance;
mod redis;

use harness::{Server, eventually};

const ORIGINS: &str = r#"{allow: ["https://app.domain-b.com"]}"#;

/// A server on a Redis, as soon as it is connected.
async fn pod(url: &str) -> Server {
    pod_with(&["--redis-url", url]).await
}

async fn pod_with(options: &[&str]) -> Server {
    let server = Server::start_with(&harness::manifest(ORIGINS), options);
    is_connected(&server, true).await;
    server
}

/// So many of them, each of which knows the others.
async fn pods<const COUNT: usize>(url: &str) -> [Server; COUNT] {
    let mut pods = Vec::new();
    for _ in 0..COUNT {
        pods.push(pod(url).await);
    }
    for pod in &pods {
        eventually("they know each other", async || pod.status().await["backplane"]["peers"] == COUNT - 1).await;
    }
    pods.try_into().map_err(|_| ()).unwrap()
}

async fn is_connected(server: &Server, connected: bool) {
    let name = if connected { "it is connected" } else { "it knows that Redis is away" };
    eventually(name, async || server.status().await["backplane"]["connected"] == connected).await;
}
