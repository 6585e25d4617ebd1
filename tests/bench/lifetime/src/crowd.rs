//! The clients: several programs of Node side by side, since one alone would be what limits.

use std::{
    net::SocketAddr,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use realtime_chart_tests::file;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::account::Account;

/// Clients in one program.
const SHARD: usize = 250;
/// Members of a room.
const ROOM: usize = 10;
const PATIENCE: Duration = Duration::from_secs(120);

/// What clients are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// socket.io-client 4 and its own connection state recovery.
    V4,
    /// socket.io-client 3 with `@realtime-operator/client`.
    V3,
    /// socket.io-client 2 with `@realtime-operator/client`.
    V2,
    /// python-socketio with the lines of docs/recovery.md.
    Python,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::V4, Self::V3, Self::V2, Self::Python];

    fn command(self) -> Command {
        let version = match self {
            Self::V4 => "4",
            Self::V3 => "3",
            Self::V2 => "2",
            Self::Python => {
                let mut python = Command::new(file("target/python-clients/bin/python"));
                python.arg(file("tests/bench/lifetime/members.py"));
                return python;
            }
        };
        let mut node = Command::new("node");
        node.arg(file("tests/bench/lifetime/clients.mjs")).args(["--client", version]);
        node
    }
}

/// All clients.
pub struct Crowd(Vec<Shard>);

/// Where clients connect.
#[derive(Clone, Copy, Debug)]
pub struct Entrance<'a> {
    pub at: SocketAddr,
    pub host: &'a str,
    pub path: &'a str,
}

struct Shard {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Crowd {
    /// Connects so many of each kind, and returns when all are.
    pub async fn connect(kinds: &[Kind], count: usize, every: u64, entrance: Entrance<'_>) -> Result<Self> {
        let mut shards = Vec::new();
        for kind in kinds {
            for number in 0..count.div_ceil(SHARD) {
                let size = SHARD.min(count - number * SHARD);
                shards.push(Shard::start(*kind, number, size, every, entrance)?);
            }
        }
        for shard in &mut shards {
            shard.event("connected").await?;
        }
        Ok(Self(shards))
    }

    /// Lets them publish and listen for so long.
    pub async fn pass(&mut self, seconds: u64) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(seconds);
        // Lines of earlier seconds may be waiting, so it is the clock that counts.
        while Instant::now() < end {
            for shard in &mut self.0 {
                shard.event("second").await?;
            }
        }
        Ok(())
    }

    /// Ends them when they have heard what is on its way.
    pub async fn account(mut self) -> Result<Account> {
        for (order, answer) in [(json!({"settle": true}), "settled"), (json!({"close": true}), "account")] {
            for shard in &mut self.0 {
                shard.order(&order).await?;
            }
            if answer == "settled" {
                for shard in &mut self.0 {
                    shard.event(answer).await?;
                }
            }
        }
        let mut sum = Account::default();
        for mut shard in self.0 {
            let account = shard.event("account").await?;
            sum = sum.and(serde_json::from_value(account).context("an account")?);
            timeout(PATIENCE, shard.child.wait()).await.context("the clients do not end")??;
        }
        Ok(sum)
    }
}

impl Shard {
    fn start(kind: Kind, number: usize, size: usize, every: u64, entrance: Entrance<'_>) -> Result<Self> {
        let Entrance { at, host, path } = entrance;
        let mut node = kind.command();
        node.args(["--url", &format!("http://{at}"), "--host", host, "--path", path]);
        node.args(["--count", &size.to_string(), "--room", &ROOM.to_string(), "--every", &every.to_string()]);
        node.args(["--prefix", &format!("{kind:?}-{number}")]);
        node.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = node.spawn().context("failed to run the clients")?;
        let (stdin, stdout) = (child.stdin.take().context("a pipe")?, child.stdout.take().context("a pipe")?);
        Ok(Self { child, stdin, lines: BufReader::new(stdout).lines() })
    }

    async fn event(&mut self, name: &str) -> Result<Value> {
        let next = async {
            loop {
                let line = self.lines.next_line().await?.context("the clients ended")?;
                let event: Value = serde_json::from_str(&line)?;
                ensure!(event["event"] != "failed", "{event}");
                if event["event"] == name {
                    return Ok(event);
                }
            }
        };
        match timeout(PATIENCE, next).await {
            Ok(event) => event,
            Err(_) => bail!("the clients never said {name:?}"),
        }
    }

    async fn order(&mut self, order: &Value) -> Result<()> {
        Ok(self.stdin.write_all(format!("{order}\n").as_bytes()).await?)
    }
}
