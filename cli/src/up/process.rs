//! A program of ours as a child process, with its output kept for the moment it is needed.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
};

/// A running program.
pub(super) struct Process {
    program: &'static str,
    child: Child,
    tail: Arc<Mutex<VecDeque<String>>>,
    listening: watch::Receiver<Option<SocketAddr>>,
}

const TAIL_LINES: usize = 20;
const GRACE: Duration = Duration::from_secs(10);

impl Process {
    pub(super) async fn start(program: &'static str, kubeconfig: &Path, arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new(super::beside(program)?)
            .args(arguments)
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C in a terminal reaches the whole foreground group; the children end in order instead.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("failed to start {program}"))?;
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        let (address, listening) = watch::channel(None);
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(keep(stdout, tail.clone(), Some(address)));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(keep(stderr, tail.clone(), None));
        }
        Ok(Self { program, child, tail, listening })
    }

    /// Waits until the program said where it listens.
    pub(super) async fn listening(&mut self) -> Result<SocketAddr> {
        let mut listening = self.listening.clone();
        let address = tokio::select! {
            address = listening.wait_for(Option::is_some) => address.ok().and_then(|address| *address),
            status = self.child.wait() => bail!(self.words(status)),
        };
        match address {
            Some(address) => Ok(address),
            None => bail!(self.ended().await),
        }
    }

    /// Waits until the program ends by itself, which it should not; gives the words for that.
    pub(super) async fn ended(&mut self) -> String {
        let status = self.child.wait().await;
        self.words(status)
    }

    /// Asks it to go, and insists after a while.
    pub(super) async fn end(mut self) {
        if let Some(pid) = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }

    fn words(&self, status: std::io::Result<ExitStatus>) -> String {
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let tail = tail.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
        format!("{} ended ({status}); it said last:\n{tail}", self.program)
    }
}

async fn keep(
    output: impl AsyncRead + Unpin,
    tail: Arc<Mutex<VecDeque<String>>>,
    address: Option<watch::Sender<Option<SocketAddr>>>,
) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(address) = &address
            && let Ok(said) = serde_json::from_str::<serde_json::Value>(&line)
            && let Some(listening) = said["listening"].as_str().and_then(|text| text.parse().ok())
        {
            address.send_replace(Some(listening));
        }
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.push_back(line);
        if tail.len() > TAIL_LINES {
            tail.pop_front();
        }
    }
}
