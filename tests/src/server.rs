//! The bundled server as a process, with the account that the operator gave it.

use std::{net::SocketAddr, process::Stdio};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{Stage, http, program};

/// A running server.
pub struct Server {
    process: Child,
    /// Where clients connect.
    pub public: SocketAddr,
    /// Where it tells about itself.
    pub admin: SocketAddr,
}

impl Server {
    /// A server of the service `chat` of this stage, as its own account. `listen` and `admin` are addresses; port 0 is any.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(stage: &Stage, listen: &str, admin: &str) -> Result<Self> {
        Self::start_with(stage, listen, admin, &[]).await
    }

    /// The same, with further options.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start_with(stage: &Stage, listen: &str, admin: &str, more: &[&str]) -> Result<Self> {
        let mut process = Command::new(program::server().await?)
            .args(["--namespace", &stage.namespace, "--name", "chat", "--listen", listen, "--admin-listen", admin])
            .args(more)
            .env("KUBECONFIG", stage.kubeconfig_of("chat-server").await?)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("failed to start the server")?;
        let mut lines = BufReader::new(process.stdout.take().context("a piped output")?).lines();
        let line = lines.next_line().await?.context("the server says where it listens")?;
        let said: Value = serde_json::from_str(&line)?;
        let address = |name: &str| said[name].as_str().and_then(|text| text.parse().ok()).context("an address");
        Ok(Self { public: address("listening")?, admin: address("admin")?, process })
    }

    /// Status of the answer to a polling handshake from this origin.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn handshake(&self, origin: &str) -> Result<u16> {
        let url = format!("http://{}/oursocketio/?EIO=4&transport=polling", self.public);
        Ok(http::client().get(url).header("Origin", origin).send().await?.status().as_u16())
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn status(&self) -> Result<Value> {
        Ok(http::client().get(format!("http://{}/status", self.admin)).send().await?.json().await?)
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw).context("it runs")?;
        Ok(kill_process(pid, signal)?)
    }
}
