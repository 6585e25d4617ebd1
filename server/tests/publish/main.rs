//! Programs publish, by HTTP and through a queue in a real Redis, to clients of several real servers.
#![allow(missing_docs, clippy::unwrap_used, reason = "a panic is a failed test")]

mod answers;
#[allow(dead_code, reason = "recovery uses all of it")]
#[path = "../recovery/client.rs"]
mod client;
mod examples;
#[path = "../harness/mod.rs"]
mod harness;
#[allow(dead_code, reason = "recovery uses all of it")]
#[path = "../recovery/line.rs"]
mod line;
mod pods;
mod queue;
#[allow(dead_code, reason = "recovery uses all of it")]
#[path = "../recovery/raw.rs"]
mod raw;
#[allow(dead_code, reason = "backplane uses all of it")]
#[path = "../backplane/redis.rs"]
mod redis;

use std::{fs, net::SocketAddr, path::PathBuf};

use harness::{Answer, Request, Server, eventually};
use serde_json::{Value, json};
use tempfile::TempDir;

const ORIGINS: &str = r#"{allow: ["https://app.domain-b.com"]}"#;
pub const TOKEN: &str = "token-of-a-program-in-a-test";

/// A server that programs publish at.
pub struct Pod {
    pub server: Server,
    pub publish: SocketAddr,
    pub token: PathBuf,
    _folder: TempDir,
}

impl Pod {
    pub async fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        fs::write(&token, format!("{TOKEN}\n")).unwrap();
        let mut all = vec!["--publish-listen", "127.0.0.1:0", "--publish-token-file", token.to_str().unwrap()];
        all.extend(options);
        let server = Server::start_with(&harness::manifest(ORIGINS), &all);
        let publish = server.status().await["publish"]["listening"].as_str().unwrap().parse().unwrap();
        if options.contains(&"--redis-url") {
            eventually("it is connected", async || server.status().await["backplane"]["connected"] == true).await;
        }
        Self { server, publish, token, _folder: folder }
    }

    /// Two that know each other.
    pub async fn two(options: &[&str]) -> [Self; 2] {
        let pods = [Self::start(options).await, Self::start(options).await];
        for pod in &pods {
            eventually("they know each other", async || pod.server.status().await["backplane"]["peers"] == 1).await;
        }
        pods
    }

    /// Publishes, and gives status and answer.
    pub async fn publish(&self, event: &Value) -> (u16, Value) {
        let answer = self.post(TOKEN, event.to_string()).await;
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }

    /// Publishes what is taken.
    pub async fn take(&self, event: Value) -> Value {
        let (status, answer) = self.publish(&event).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub async fn post(&self, token: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.send(Request::new("POST", "/publish").header("authorization", format!("Bearer {token}")).body(body)).await
    }

    pub async fn send(&self, request: Request) -> Answer {
        harness::send(self.publish, &request.bytes()).await
    }

    pub async fn count(&self, metric: &str) -> u64 {
        let text = self.server.metrics().await;
        let line = text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse().unwrap())
    }
}

/// An event for a room.
pub fn message(room: &str, data: impl Into<Value>) -> Value {
    json!({"event": "message", "rooms": [room], "data": data.into()})
}

/// The same one, however often it is published.
pub fn named(id: &str, room: &str, data: impl Into<Value>) -> Value {
    json!({"event": "message", "rooms": [room], "data": data.into(), "id": id})
}
