//! A control plane with the definition installed and the operator running, driven by kubectl alone.

use std::{
    process::Stdio,
    sync::{Arc, Weak},
};

use anyhow::{Context, Result, ensure};
use local_cluster::{LocalCluster, Options};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command, sync::Mutex};

use crate::{Process, Server, manifest::NAME, process, programs::Program, wait};

/// A control plane; dropping it ends everything in it.
#[derive(Debug)]
pub struct Cluster {
    // Before the cluster, so that it ends while there is an API.
    operator: Option<Process>,
    /// The control plane itself.
    pub local: LocalCluster,
}

impl Cluster {
    /// The one that tests share, each in a namespace of its own. It ends with the last test that holds it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn shared() -> Result<Arc<Self>> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(cluster) = shared.upgrade() {
            return Ok(cluster);
        }
        let cluster = Arc::new(Self::with_operator().await?);
        *shared = Arc::downgrade(&cluster);
        Ok(cluster)
    }

    /// One of a test's own, with the definition and the operator.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn with_operator() -> Result<Self> {
        let mut cluster = Self::empty().await?;
        let operator = Program::Operator.path().await?;
        let printed = Command::new(&operator).arg("crd").output().await.context("failed to print the definition")?;
        let definition = String::from_utf8(printed.stdout).context("a definition is text")?;
        cluster.kubectl_with(&["apply", "--server-side", "-f", "-"], &definition).await?;
        let established = ["wait", "--for=condition=Established", "crd/realtimeservices.realtime-operator.dev"];
        cluster.kubectl(&established).await?;
        let mut command = process::command(operator);
        command.args(["run", "--admin-listen", "127.0.0.1:0"]).env("KUBECONFIG", cluster.local.kubeconfig());
        cluster.operator = Some(Process::start("realtime-operator", command)?);
        Ok(cluster)
    }

    /// One of a test's own, with nothing in it.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn empty() -> Result<Self> {
        let assets = LocalCluster::assets(|line| eprintln!("{line}")).await?;
        let local = LocalCluster::start(&assets, Options { controller_manager: true, ..Options::default() }).await?;
        Ok(Self { operator: None, local })
    }

    /// A new namespace with the resource, and a server that watches it.
    ///
    /// # Errors
    /// When something is refused.
    pub async fn serve(&self, namespace: &str, resource: &Value) -> Result<Server> {
        self.kubectl(&["create", "namespace", namespace]).await?;
        self.kubectl_with(&["apply", "-n", namespace, "-f", "-"], &resource.to_string()).await?;
        Server::watching(self.local.kubeconfig(), namespace).await
    }

    /// Replaces the origins that the resource allows, by `kubectl patch`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn allow(&self, namespace: &str, origins: &[&str]) -> Result<()> {
        let patch = json!({"spec": {"origins": {"allow": origins}}}).to_string();
        self.kubectl(&["patch", "rts", NAME, "-n", namespace, "--type=merge", "-p", &patch]).await.map(|_| ())
    }

    /// Waits until the operator has seen the resource as it is.
    ///
    /// # Errors
    /// When it does not.
    pub async fn observed(&self, namespace: &str) -> Result<Value> {
        let question = async || {
            let service: Value =
                serde_json::from_str(&self.kubectl(&["get", "rts", NAME, "-n", namespace, "-o", "json"]).await?)?;
            let generation = &service["metadata"]["generation"];
            Ok((service["status"]["observedGeneration"] == *generation).then(|| service.clone()))
        };
        let waited = wait::until("the operator has seen the resource", question).await;
        let log = || self.operator.as_ref().map(Process::tail).unwrap_or_default();
        waited.map(|(service, _)| service).with_context(log)
    }

    /// kubectl as the administrator; gives its standard output.
    ///
    /// # Errors
    /// With its standard error, when it fails.
    pub async fn kubectl(&self, args: &[&str]) -> Result<String> {
        self.kubectl_with(args, "").await
    }

    /// The same with standard input.
    ///
    /// # Errors
    /// With its standard error, when it fails.
    pub async fn kubectl_with(&self, args: &[&str], stdin: &str) -> Result<String> {
        let mut command = self.local.kubectl();
        command.args(args);
        run(command, stdin).await
    }

    /// `kubectl edit` with an editor that is a `sed` script.
    ///
    /// # Errors
    /// With its standard error, when it fails.
    pub async fn edit(&self, namespace: &str, script: &str) -> Result<String> {
        let mut command = self.local.kubectl();
        command.args(["edit", "rts", NAME, "-n", namespace]).env("KUBE_EDITOR", format!("sed -i -e '{script}'"));
        run(command, "").await
    }
}

async fn run(command: std::process::Command, stdin: &str) -> Result<String> {
    let mut command = Command::from(command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().context("failed to run kubectl")?;
    let mut input = child.stdin.take().expect("stdin is piped");
    // One that fails early reads nothing.
    let _ = input.write_all(stdin.as_bytes()).await;
    drop(input);
    let output = child.wait_with_output().await.context("failed to wait for kubectl")?;
    ensure!(output.status.success(), "kubectl failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    String::from_utf8(output.stdout).context("kubectl said no UTF-8")
}
