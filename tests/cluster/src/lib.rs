//! A Kubernetes cluster on this machine, with its data in a temporary folder: etcd, kube-apiserver and, where asked
//! for, kube-controller-manager. Without nodes pods are accepted and never run; with [`Options::nodes`] they run, in
//! namespaces that need root and leave nothing behind.
//!
//! It ends with the value that holds it, and with the process that started it, however that process ends.

mod arguments;
mod assets;
mod authority;
mod control_plane;
mod credentials;
mod data;
mod faults;
mod layout;
mod node;
mod ports;
mod process;
mod request;
mod root;
pub mod tied;
mod wait;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{control_plane::ControlPlane, credentials::Credentials, data::Data, layout::Layout, node::Nodes};
pub use crate::{
    node::{Missing, node_support},
    process::Exited,
};

/// What runs besides etcd and the apiserver, and what is recorded.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Runs kube-controller-manager: garbage collection, Deployments, service accounts and their tokens. Nodes imply it.
    pub controller_manager: bool,
    /// Writes every request, when it is complete, to [`LocalCluster::audit_log`].
    pub audit: bool,
    /// How many nodes run pods, `node-1` and so on; they come with kube-scheduler. [`node_support`] tells whether this
    /// machine can have any.
    pub nodes: u8,
}

/// A running cluster. Dropping it kills its processes and removes its data before the drop returns.
#[derive(Debug)]
pub struct LocalCluster {
    // Clients before servers, and all processes before the folder: nothing may write there while it is removed.
    nodes: Option<Nodes>,
    plane: ControlPlane,
    credentials: Credentials,
    assets: PathBuf,
    data: Data,
}

/// Other programs look for free ports too, and one of them may be faster.
const ATTEMPTS: usize = 5;

impl LocalCluster {
    /// The folder with the programs of Kubernetes. Builds them when they are missing, which takes minutes; `progress`
    /// is given each line that the build says meanwhile. `KUBEBUILDER_ASSETS` wins where it is set.
    pub async fn assets(mut progress: impl FnMut(&str)) -> Result<PathBuf> {
        let folder = assets::build(&mut progress).await?;
        // Not everybody who can have nodes wants them, so that it fails is said now and is an error later.
        if node_support().is_ok()
            && let Err(error) = assets::build_node_tools(&mut progress).await
        {
            progress(&format!("{error:#}"));
        }
        Ok(folder)
    }

    /// Starts a cluster from the programs in `assets` and returns when it serves and its nodes are ready.
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
        let mut nodes = match options.nodes {
            0 => None,
            _ => Some(Nodes::open(assets, data.path()).await?),
        };
        let layout = match &nodes {
            None => Layout::without_nodes(),
            Some(nodes) => Layout::with_nodes(nodes.network()),
        };
        let layout = layout.context("failed to find free ports")?;
        let credentials = Credentials::write(data.path(), &layout).context("failed to write credentials")?;
        let boot = async {
            let Some(nodes) = &mut nodes else { return Ok(()) };
            for number in 1..=options.nodes {
                nodes.boot(number, &credentials).await?;
            }
            Ok(())
        };
        let plane = ControlPlane::start(assets, data.path(), layout.clone(), &credentials, options);
        let (plane, ()) = tokio::try_join!(plane, boot)?;
        if let Some(nodes) = &mut nodes {
            nodes.start_dns(&layout, &credentials).await?;
            for number in 1..=options.nodes {
                nodes.join(number, &layout, &credentials).await?;
            }
        }
        Ok(Self { nodes, plane, credentials, assets: assets.to_owned(), data })
    }

    /// A kubeconfig file of a cluster administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.credentials.admin_kubeconfig
    }

    /// Writes a kubeconfig file for the holder of `token`, for example a ServiceAccount whose RBAC is under test.
    pub fn kubeconfig_with_token(&self, name: &str, token: &str) -> Result<PathBuf> {
        self.credentials.kubeconfig_with_token(name, token)
    }

    /// The apiserver's URL. Its host is 127.0.0.1, or with nodes [`LocalCluster::host_address`].
    pub fn server(&self) -> &str {
        self.credentials.server()
    }

    /// The address that the apiserver listens on.
    pub fn address(&self) -> SocketAddr {
        self.plane.layout().ports.apiserver
    }

    /// The address by which nodes and pods reach this machine. This machine reaches pods and Services by theirs.
    pub fn host_address(&self) -> Option<Ipv4Addr> {
        self.nodes.as_ref().map(Nodes::host_address)
    }

    /// The names of the nodes that run.
    pub fn node_names(&self) -> Vec<String> {
        self.nodes.iter().flat_map(Nodes::names).map(str::to_owned).collect()
    }

    /// Gives all nodes the images of an archive, as `docker save`, `buildah push … docker-archive:` or `oci-archive:`
    /// write it, and returns when pods can use them with `imagePullPolicy: IfNotPresent` or `Never`.
    pub async fn import_image(&self, archive: &Path) -> Result<()> {
        self.nodes.as_ref().context("the cluster has no nodes")?.import_image(archive).await
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

    /// The folder with each program's log, for example `kube-apiserver.log` and `node-1.kubelet.log`.
    pub fn logs(&self) -> PathBuf {
        self.data.path().join(process::LOGS)
    }

    /// Ends all processes and removes the data, off the runtime's threads. Fails where something could not be removed.
    pub async fn stop(self) -> Result<()> {
        tokio::task::spawn_blocking(move || {
            let Self { nodes, plane, data, credentials: _, assets: _ } = self;
            let closed = nodes.map_or(Ok(()), Nodes::close);
            drop(plane);
            data.remove().context("failed to remove the data folder")?;
            closed
        })
        .await
        .context("failed to stop the cluster")?
    }
}

fn port_was_taken(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Exited>().is_some_and(Exited::port_was_taken)
}
