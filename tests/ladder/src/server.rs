//! The bundled server as a process.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    Process, http,
    manifest::{self, NAME},
    process,
    programs::Program,
    wait,
};

/// A running server.
#[derive(Debug)]
pub struct Server {
    process: Process,
    /// Where clients connect.
    pub address: SocketAddr,
    admin: SocketAddr,
    /// Path of the Socket.IO endpoint.
    pub path: String,
    policy: Option<PolicyFile>,
}

#[derive(Debug)]
struct PolicyFile {
    file: PathBuf,
    folder: TempDir,
}

impl Server {
    /// One with a resource from a file, without a cluster.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn of_file(resource: &Value) -> Result<Self> {
        Self::of_text(&resource.to_string()).await
    }

    /// The same with the file's text.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn of_text(text: &str) -> Result<Self> {
        Self::of_text_at(text, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// The same on an address that is known before.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn of_text_at(text: &str, listen: SocketAddr) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("chat.yaml");
        fs::write(&file, text)?;
        let mut command = process::command(Program::Server.path().await?);
        command.arg("--policy-file").arg(&file).env_remove("KUBECONFIG");
        Self::start(command, listen, Some(PolicyFile { file, folder })).await
    }

    /// One that watches its resource in a cluster.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn watching(kubeconfig: &Path, namespace: &str) -> Result<Self> {
        let mut command = process::command(Program::Server.path().await?);
        command.args(["--namespace", namespace, "--name", NAME]).env("KUBECONFIG", kubeconfig);
        Self::start(command, SocketAddr::from(([127, 0, 0, 1], 0)), None).await
    }

    async fn start(mut command: Command, listen: SocketAddr, policy: Option<PolicyFile>) -> Result<Self> {
        command.args(["--listen", &listen.to_string(), "--admin-listen", "127.0.0.1:0", "--drain", "0s"]);
        let process = Process::start("realtime-server", command)?;
        let line = process.line("where it listens", |line| serde_json::from_str::<Value>(line).ok()).await?;
        let address = |name: &str| line[name].as_str().and_then(|text| text.parse().ok()).context("an address");
        let (listening, admin) = (address("listening")?, address("admin")?);
        Ok(Self { process, address: listening, admin, path: manifest::PATH.to_owned(), policy })
    }

    /// Its URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Replaces the file as editors do: a new one is renamed over the old one.
    ///
    /// # Errors
    /// When that fails.
    pub fn rewrite(&self, text: &str) -> Result<()> {
        let PolicyFile { file, folder } = self.policy.as_ref().context("this server has no file")?;
        let next = folder.path().join("next");
        fs::write(&next, text)?;
        fs::rename(next, file).context("failed to replace the file")
    }

    /// What `/status` says.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn status(&self) -> Result<Value> {
        Ok(http::client().get(format!("http://{}/status", self.admin)).send().await?.json().await?)
    }

    /// The line about an origin in its table of denied ones.
    ///
    /// # Errors
    /// When there is none.
    pub async fn denied(&self, origin: &str) -> Result<Value> {
        let status = self.status().await?;
        let lines = status["deniedOrigins"].as_array().into_iter().flatten();
        let line = lines.into_iter().find(|line| line["origin"] == origin).cloned();
        line.with_context(|| format!("{origin} is not among the denied origins: {status}"))
    }

    /// The value of a metric, 0 where there is no such line; `name` with its labels as `/metrics` shows them.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn metric(&self, name: &str) -> Result<u64> {
        let text = http::client().get(format!("http://{}/metrics", self.admin)).send().await?.text().await?;
        let lines = text.lines().filter_map(|line| line.strip_prefix("realtime_server_")?.strip_prefix(name));
        let values = lines.filter_map(|rest| rest.rsplit_once(' ')?.1.parse::<u64>().ok());
        Ok(values.sum())
    }

    /// Waits until so many sessions are open.
    ///
    /// # Errors
    /// When it stays at another number.
    pub async fn has_connections(&self, count: usize) -> Result<()> {
        let question = async || Ok((self.status().await?["connections"] == count).then_some(()));
        wait::until(&format!("{count} connections"), question).await.map(|_| ())
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn end(self) -> Result<()> {
        self.process.signal(Signal::TERM);
        let status = self.process.ended(wait::DEADLINE).await?;
        anyhow::ensure!(status.success(), "the server failed: {}", self.process.tail());
        Ok(())
    }

    /// The end of its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.tail()
    }
}
