//! An operator behind the proxy, as a process that may be treated badly.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use local_cluster::tied;
use realtime_tests::{program, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};

/// What an operator is started with.
#[derive(Clone, Debug)]
pub struct Order {
    /// The kubeconfig that leads through the proxy.
    pub kubeconfig: PathBuf,
    /// Its name in events and in the lease.
    pub identity: String,
    /// The namespace that it looks after.
    pub namespace: String,
    /// Whether it competes for the lease; else it begins at once.
    pub elects: bool,
    /// The image of the bundled server; another one is another version.
    pub image: Option<String>,
    /// Where its log goes.
    pub log: PathBuf,
}

/// A running operator; dropping it kills it.
pub struct Operator {
    process: Child,
    log: PathBuf,
    admin: std::net::SocketAddr,
}

const START: Duration = Duration::from_secs(60);

impl Operator {
    /// Starts one and returns when it serves its probes.
    ///
    /// # Errors
    /// When it ends early.
    pub async fn start(order: &Order) -> Result<Self> {
        let Order { kubeconfig, identity, namespace, elects, image, log } = order;
        let mut command = Command::from(tied::command(program::operator().await?, "KILL"));
        command
            .args(["run", "--admin-listen", "127.0.0.1:0", "--log-format", "json"])
            .args(["--namespace", namespace, "--lease-namespace", namespace])
            .args(["--leader-election", if *elects { "true" } else { "false" }])
            .env("KUBECONFIG", kubeconfig)
            .env("HOSTNAME", identity)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log)?)
            .kill_on_drop(true);
        if let Some(image) = image {
            command.args(["--server-image", image]);
        }
        let mut process = command.spawn().context("failed to start the operator")?;
        let admin = wait::until(START, async || {
            if let Some(status) = process.try_wait()? {
                bail!("the operator ended early ({status}):\n{}", fs::read_to_string(log)?);
            }
            let said = said(log, "serving /healthz, /readyz and /metrics")?;
            Ok(said.and_then(|line| line["address"].as_str()?.parse().ok()))
        });
        let admin = admin.await?.context("the operator does not serve its probes")?;
        Ok(Self { process, log: log.clone(), admin })
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = self.process.id().context("the operator has ended")?;
        let pid = Pid::from_raw(i32::try_from(id)?).context("a process has a number")?;
        kill_process(pid, signal).context("failed to signal the operator")
    }

    /// `kill -9`, and waits for its end.
    ///
    /// # Errors
    /// When it has ended already.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.kill().await.context("failed to kill the operator")
    }

    /// Waits for its end, at most `limit`; `None` when it goes on.
    ///
    /// # Errors
    /// When the system does not say.
    pub async fn ended(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        match tokio::time::timeout(limit, self.process.wait()).await {
            Ok(status) => Ok(Some(status?)),
            Err(_) => Ok(None),
        }
    }

    /// Fails when it has ended, or panicked somewhere.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn is_well(&mut self) -> Result<()> {
        let text = fs::read_to_string(&self.log)?;
        let lines: Vec<_> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n");
        if let Some(status) = self.process.try_wait()? {
            bail!("the operator ended ({status}):\n{tail}");
        }
        if let Some(panic) = lines.iter().find(|line| line.contains("panicked")) {
            bail!("the operator panicked: {panic}");
        }
        Ok(())
    }

    /// Whether its log has this message.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn said(&self, message: &str) -> Result<bool> {
        Ok(said(&self.log, message)?.is_some())
    }

    /// A figure of its metrics, summed over the labels.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        use http_body_util::{BodyExt, Empty};
        let stream = tokio::net::TcpStream::connect(self.admin).await?;
        let io = hyper_util::rt::TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        tokio::spawn(connection);
        let request = hyper::Request::get("/metrics").header("host", "operator").body(Empty::<bytes::Bytes>::new())?;
        let text = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
        let text = String::from_utf8(text.to_vec())?;
        let of_name =
            text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        Ok(of_name.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }
}

/// The first line of the log with this message.
fn said(log: &std::path::Path, message: &str) -> Result<Option<Value>> {
    let text = fs::read_to_string(log)?;
    let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(lines.find(|line| line["message"] == message))
}
