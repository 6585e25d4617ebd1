//! The network that a cluster's nodes are in: a handle of the program `node`, which ends, and takes everything in the
//! network with it, when its standard input does.

use std::{
    io::{BufRead, BufReader, Write},
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    sync::{Arc, Mutex},
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{process, root};

/// What the whole network agrees on.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Plan {
    /// This machine.
    pub(crate) host: Ipv4Addr,
    pub(crate) pods: String,
    pub(crate) services: String,
}

/// One node's part.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) pid: u32,
    pub(crate) address: Ipv4Addr,
    pub(crate) pods: String,
    pub(crate) cgroup: String,
}

#[derive(Debug)]
pub(crate) struct Network {
    plan: Plan,
    program: Arc<Mutex<Program>>,
}

#[derive(Debug)]
struct Program {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    log: PathBuf,
}

impl Plan {
    /// The address of the Service `kubernetes`, which gets the first one.
    pub(crate) fn kubernetes(&self) -> Ipv4Addr {
        self.service(1)
    }

    /// The address of the Service of the cluster's DNS.
    pub(crate) fn dns(&self) -> Ipv4Addr {
        self.service(10)
    }

    fn service(&self, number: u32) -> Ipv4Addr {
        let base = self.services.split('/').next().and_then(|base| base.parse::<Ipv4Addr>().ok());
        let base = base.expect("a range begins with an address");
        Ipv4Addr::from_bits(base.to_bits() + number)
    }
}

impl Network {
    pub(crate) async fn open(tools: &Path, data: &Path) -> Result<Self> {
        let log = process::log_file(data, "network");
        let mut command = root::grouped(tools.join("node"));
        command.arg("network").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(process::open_log(&log)?);
        blocking(move || {
            let mut child = command.spawn().context("failed to start the nodes' network")?;
            let orders = child.stdin.take();
            let answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
            let mut program = Program { child, orders, answers, log };
            let plan = program.answer().context("failed to set up the nodes' network")?;
            Ok(Self { plan, program: Arc::new(Mutex::new(program)) })
        })
        .await
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) async fn start(&self, node: u8) -> Result<Place> {
        self.order(format!("start {node}\n")).await
    }

    pub(crate) async fn stop(&self, node: u8) -> Result<()> {
        self.order::<Place>(format!("stop {node}\n")).await.map(|_| ())
    }

    async fn order<T: DeserializeOwned + Send + 'static>(&self, order: String) -> Result<T> {
        let program = self.program.clone();
        blocking(move || {
            let mut program = program.lock().expect("no holder panics");
            // Where it ended, the answer says why.
            let _ = program.orders.as_mut().context("the network is closed")?.write_all(order.as_bytes());
            program.answer().with_context(|| format!("failed to {}", order.trim_end()))
        })
        .await
    }

    /// Ends all nodes, and waits until nothing of the network is left.
    pub(crate) fn close(&self) -> Result<()> {
        self.program.lock().expect("no holder panics").close()
    }
}

impl Program {
    fn answer<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        self.answers.read_line(&mut line).context("failed to read an answer")?;
        if line.is_empty() {
            bail!("{}", process::log_tail(&self.log).trim_end());
        }
        serde_json::from_str(&line).with_context(|| format!("not an answer: {line}"))
    }

    fn close(&mut self) -> Result<()> {
        if self.orders.take().is_none() {
            return Ok(());
        }
        let status = self.child.wait().context("failed to wait for the end of the nodes' network")?;
        let log = process::log_tail(&self.log);
        ensure!(status.success(), "failed to remove the nodes' network ({status}): {}", log.trim_end());
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!("{error:#}");
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.context("interrupted")?
}
