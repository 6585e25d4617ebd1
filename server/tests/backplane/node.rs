//! A server of Node with the npm adapter.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::{client::PATIENCE, harness::PATH, redis::root};

pub struct Node {
    _child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    pub address: std::net::SocketAddr,
}

impl Node {
    pub async fn start(redis: &str) -> Self {
        let config = json!({"redis": redis, "path": PATH});
        let mut command = Command::new("node");
        command.arg(root().join("server/tests/backplane/node.mjs")).arg(config.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut lines = BufReader::new(stdout).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.expect("in time").unwrap().expect("it starts");
        let line: Value = serde_json::from_str(&line).unwrap();
        let address = ([127, 0, 0, 1], u16::try_from(line["port"].as_u64().unwrap()).unwrap()).into();
        Self { _child: child, stdin, lines, address }
    }

    /// Has it do something, and gives what came of it.
    pub async fn ask(&mut self, command: Value) -> Value {
        self.stdin.write_all(format!("{command}\n").as_bytes()).await.unwrap();
        let line = timeout(PATIENCE, self.lines.next_line()).await.expect("in time").unwrap().expect("it runs");
        serde_json::from_str(&line).unwrap()
    }
}
