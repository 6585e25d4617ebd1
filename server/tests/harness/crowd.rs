//! Many real clients in one process, which publish and listen and give an account of what they lived through.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command as Program, Stdio},
    sync::Once,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// Many clients.
pub struct Crowd {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Crowd {
    pub async fn start(address: SocketAddr, options: &[&str]) -> Self {
        static INSTALLED: Once = Once::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        INSTALLED.call_once(|| {
            let status = Program::new(root.join("tests/setup")).arg("clients").status().expect("it runs");
            assert!(status.success(), "the clients are installed");
        });
        let mut command = Command::new("node");
        command.arg(root.join("tests/bench/lifetime/clients.mjs")).args(["--url", &format!("http://{address}")]);
        command.args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("node runs");
        let (stdin, stdout) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let mut crowd = Self { child, stdin, lines: BufReader::new(stdout).lines() };
        crowd.event("connected").await;
        crowd
    }

    async fn event(&mut self, name: &str) -> Value {
        let next = async {
            loop {
                let line = self.lines.next_line().await.expect("text").expect("the clients go on");
                let event: Value = serde_json::from_str(&line).expect("JSON");
                assert_ne!(event["event"], "failed", "{event}");
                if event["event"] == name {
                    return event;
                }
            }
        };
        timeout(PATIENCE, next).await.unwrap_or_else(|_| panic!("never: {name}"))
    }

    /// Lets so many seconds pass, and gives the account of them.
    pub async fn after(mut self, seconds: u64) -> Value {
        for _ in 0..seconds {
            self.event("second").await;
        }
        self.order(&json!({"settle": true})).await;
        self.event("settled").await;
        self.order(&json!({"close": true})).await;
        let account = self.event("account").await;
        timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("it ran");
        account
    }

    async fn order(&mut self, order: &Value) {
        self.stdin.write_all(format!("{order}\n").as_bytes()).await.expect("written");
    }
}
