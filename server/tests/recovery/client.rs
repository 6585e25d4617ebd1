//! Real clients, each in a process of its own.

use std::{
    path::{Path, PathBuf},
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

use crate::harness::PATH;

pub const PATIENCE: Duration = Duration::from_secs(30);
pub const WEBSOCKET: &[&str] = &["websocket"];
pub const POLLING: &[&str] = &["polling"];
pub const BOTH: &[&str] = &["polling", "websocket"];

/// A client of some kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JavaScript as it comes.
    Plain(u8),
    /// JavaScript with the package.
    Packaged(u8),
    /// Python with the pattern of the documentation.
    Python,
    /// Python as it comes.
    PlainPython,
}

/// All that come back as themselves.
pub const RECOVERING: [Kind; 5] =
    [Kind::Plain(4), Kind::Packaged(4), Kind::Packaged(3), Kind::Packaged(2), Kind::Python];

pub struct Client {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    asked: u64,
    /// Everything that it heard so far.
    pub heard: Vec<Value>,
}

impl Client {
    pub async fn start(kind: Kind, address: std::net::SocketAddr, transports: &[&str]) -> Self {
        set_up();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recovery");
        let (version, is_packaged) = match kind {
            Kind::Plain(version) => (version, false),
            Kind::Packaged(version) => (version, true),
            Kind::Python => (0, true),
            Kind::PlainPython => (0, false),
        };
        let mut command = match kind {
            Kind::Plain(_) | Kind::Packaged(_) => {
                let mut command = Command::new("node");
                command.arg(folder.join("client.mjs"));
                command
            }
            Kind::Python | Kind::PlainPython => {
                let mut command = Command::new(root().join("target/python-clients/bin/python"));
                command.arg(folder.join("client.py"));
                command
            }
        };
        let config = json!({
            "version": version, "package": is_packaged, "url": format!("http://{address}"), "path": PATH, "transports": transports,
        });
        command.arg(config.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, stdin, lines: BufReader::new(stdout).lines(), asked: 0, heard: Vec::new() }
    }

    /// Waits for something of a kind that has not been waited for.
    pub async fn next(&mut self, heard: &str) -> Value {
        let next = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("the client runs");
                let line: Value = serde_json::from_str(&line).unwrap();
                self.heard.push(line.clone());
                if line["heard"] == heard {
                    return line;
                }
            }
        };
        let found = timeout(PATIENCE, next).await;
        found.unwrap_or_else(|_| {
            panic!("never heard: {heard}; heard {:?}", self.heard.iter().rev().take(5).collect::<Vec<_>>())
        })
    }

    /// Sends an event and waits for the answer.
    pub async fn ask(&mut self, event: &str, argument: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.tell(json!({"emit": {"event": event, "argument": argument}, "id": id})).await;
        loop {
            let answer = self.next("answer").await;
            if answer["id"] == id {
                return answer["answer"].clone();
            }
        }
    }

    pub async fn tell(&mut self, command: Value) {
        self.stdin.write_all(format!("{command}\n").as_bytes()).await.unwrap();
    }

    /// Waits until so many messages are there, and gives their data.
    pub async fn messages(&mut self, count: usize) -> Vec<Value> {
        let all = |heard: &[Value]| -> Vec<Value> {
            heard.iter().filter(|line| line["heard"] == "message").map(|line| line["data"].clone()).collect()
        };
        while all(&self.heard).len() < count {
            self.next("message").await;
        }
        all(&self.heard)
    }

    pub fn count(&self, heard: &str) -> usize {
        self.heard.iter().filter(|line| line["heard"] == heard).count()
    }

    /// Joins a room on its first connection.
    pub async fn join(&mut self, room: &str) -> Value {
        let session = self.next("session").await;
        self.ask("join", json!({"room": room})).await;
        session
    }

    pub async fn end(mut self) {
        self.child.kill().await.ok();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn set_up() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let status = Program::new(root().join("tests/setup")).args(["clients", "python"]).status().unwrap();
        assert!(status.success(), "tests/setup clients python");
    });
}
