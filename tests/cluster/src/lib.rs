//! A Kubernetes control plane on free loopback ports, with its data in a temporary folder: etcd, kube-apiserver and,
//! where asked for, kube-controller-manager. No node: pods are accepted and never run.
//!
//! It ends with the value that holds it, and with the process that started it, however that process ends.

mod arguments;
mod assets;
mod control_plane;
mod credentials;
mod data;
mod ports;
mod process;
mod request;
pub mod tied;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

pub use crate::process::Exited;
use crate::{control_plane::ControlPlane, credentials::Credentials, data::Data, ports::Ports};

/// What runs besides etcd and the apiserver, and what is recorded.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Runs kube-controller-manager: garbage collection, Deployments, service accounts and their tokens.
    pub controller_manager: bool,
    /// Writes every request, when it is complete, to [`LocalCluster::audit_log`].
    pub audit: bool,
}

/// A running control plane. Dropping it kills its processes and removes its data before the drop returns.
#[derive(Debug)]
pub struct LocalCluster {
    // Processes first: nothing may write to the folder while it is removed.
    plane: ControlPlane,
    credentials: Credentials,
    server: String,
    assets: PathBuf,
    data: Data,
}

/// Other programs look for free ports too, and one of them may be faster.
const ATTEMPTS: usize = 5;

impl LocalCluster {
    /// The folder with the control plane's programs. Builds them when they are missing, which takes minutes;
    /// `progress` is given each line that the build says meanwhile. `KUBEBUILDER_ASSETS` wins where it is set.
    pub async fn assets(progress: impl FnMut(&str)) -> Result<PathBuf> {
        assets::build(progress).await
    }

    /// Starts a control plane from the programs in `assets` and returns when it serves.
    pub async fn start(assets: &Path, options: Options) -> Result<Self> {
        for attempt in 1.. {
            match Self::attempt(assets, &options).await {
                Err(error) if attempt < ATTEMPTS && port_was_taken(&error) => {
                    tracing::debug!(attempt, "a port was taken, trying others");
                }
                outcome => return outcome,
            }
        }
        unreachable!("the last attempt returns")
    }

    async fn attempt(assets: &Path, options: &Options) -> Result<Self> {
        let data = Data::create().context("failed to create the data folder")?;
        let ports = Ports::pick().context("failed to find free ports")?;
        let server = format!("https://{}", ports.apiserver);
        let credentials = Credentials::write(data.path(), &server).context("failed to write credentials")?;
        let plane = ControlPlane::start(assets, data.path(), ports, &credentials, options).await?;
        Ok(Self { plane, credentials, server, assets: assets.to_owned(), data })
    }

    /// A kubeconfig file of a cluster administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.credentials.admin_kubeconfig
    }

    /// Writes a kubeconfig file for the holder of `token`, for example a ServiceAccount whose RBAC is under test.
    pub fn kubeconfig_with_token(&self, name: &str, token: &str) -> Result<PathBuf> {
        self.credentials.kubeconfig(self.data.path(), &self.server, name, token)
    }

    /// The apiserver's URL, `https://127.0.0.1:…`.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The address that the apiserver listens on.
    pub fn address(&self) -> SocketAddr {
        self.plane.ports().apiserver
    }

    /// kubectl as the administrator, with a cache of its own.
    pub fn kubectl(&self) -> Command {
        let mut kubectl = Command::new(self.assets.join("kubectl"));
        kubectl.env("KUBECONFIG", self.kubeconfig()).env("KUBECACHEDIR", self.data.path().join("kubectl-cache"));
        kubectl
    }

    /// The audit log, one JSON `audit.k8s.io/v1` Event a line, if [`Options::audit`] asked for it.
    pub fn audit_log(&self) -> Option<&Path> {
        self.plane.audit_log()
    }

    /// The folder with each program's log, for example `kube-apiserver.log`.
    pub fn logs(&self) -> PathBuf {
        self.data.path().join(process::LOGS)
    }

    /// Takes the API away: kills the apiserver, keeps etcd and the data.
    pub async fn stop_apiserver(&mut self) -> Result<()> {
        self.plane.stop_apiserver();
        Ok(())
    }

    /// Brings the API back on the same port with the same data, and returns when it serves.
    pub async fn start_apiserver(&mut self) -> Result<()> {
        self.plane.start_apiserver(&self.credentials).await
    }

    /// Ends all processes and removes the data, off the runtime's threads.
    pub async fn stop(self) -> Result<()> {
        tokio::task::spawn_blocking(move || {
            let Self { plane, data, credentials: _, server: _, assets: _ } = self;
            drop(plane);
            data.remove().context("failed to remove the data folder")
        })
        .await
        .context("failed to stop the control plane")?
    }
}

fn port_was_taken(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Exited>().is_some_and(Exited::port_was_taken)
}
