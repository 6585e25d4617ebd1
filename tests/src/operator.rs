//! The operator as a process.

use std::{
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use local_cluster::tied;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::{http, program, wait};

/// A running operator; dropping it kills it.
#[derive(Debug)]
pub struct Operator {
    process: Child,
    log: PathBuf,
    admin: SocketAddr,
}

const START: Duration = Duration::from_secs(20);

impl Operator {
    /// Starts one and returns when it serves its probes; `identity` is its name in the Lease and in events.
    pub(crate) async fn start(
        kubeconfig: &Path,
        own_namespace: &str,
        identity: &str,
        options: &[&str],
        log: PathBuf,
    ) -> Result<Self> {
        let mut command = Command::from(tied::command(program::operator().await?, "KILL"));
        command
            .args(["run", "--admin-listen", "127.0.0.1:0", "--log-format", "json"])
            .args(["--lease-namespace", own_namespace])
            .args(options)
            .env("KUBECONFIG", kubeconfig)
            .env("HOSTNAME", identity)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .kill_on_drop(true);
        let mut process = command.spawn().context("failed to start the operator")?;
        let admin = wait::until(START, async || {
            if let Some(status) = process.try_wait()? {
                bail!("the operator ended early ({status}):\n{}", std::fs::read_to_string(&log)?);
            }
            let address = said(&log, "serving /healthz, /readyz and /metrics")?;
            Ok(address.and_then(|line| line["address"].as_str()?.parse().ok()))
        })
        .await?
        .context("the operator does not serve its probes")?;
        Ok(Self { process, log, admin })
    }

    /// Waits until it leads, at most `limit`.
    ///
    /// # Errors
    /// When it does not.
    pub async fn leads(&self, limit: Duration) -> Result<()> {
        let leads = wait::until(limit, async || said(&self.log, "leading")).await?;
        leads.map(|_| ()).with_context(|| format!("the operator did not lead within {limit:?}"))
    }

    /// Asks a path of `--admin-listen`: the status and the text.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn admin(&self, path: &str) -> Result<(u16, String)> {
        let answer = http::client().get(format!("http://{}{path}", self.admin)).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn terminate(&self) -> Result<()> {
        let id = self.process.id().context("the operator has ended")?;
        let pid = Pid::from_raw(i32::try_from(id)?).context("a process has a number")?;
        kill_process(pid, Signal::TERM).context("failed to signal the operator")
    }

    /// Sends SIGKILL and waits.
    ///
    /// # Errors
    /// When it has ended already.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.kill().await.context("failed to kill the operator")
    }

    /// Waits for its end, at most `limit`.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn end(&mut self, limit: Duration) -> Result<ExitStatus> {
        let ended = tokio::time::timeout(limit, self.process.wait()).await;
        ended.with_context(|| format!("the operator runs on after {limit:?}"))?.context("failed to wait for it")
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }
}

/// The first line of the log with this message.
fn said(log: &Path, message: &str) -> Result<Option<Value>> {
    let text = std::fs::read_to_string(log)?;
    let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(lines.find(|line| line["message"] == message))
}
