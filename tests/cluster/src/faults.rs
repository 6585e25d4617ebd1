//! Taking parts of the cluster away and bringing them back, as tests of what fails do. Each is killed, none is asked.

use anyhow::{Context, Result};

use crate::{LocalCluster, node::Nodes};

impl LocalCluster {
    /// Takes the API away: kills the apiserver, keeps etcd and the data.
    pub async fn stop_apiserver(&mut self) -> Result<()> {
        self.plane.stop_apiserver();
        Ok(())
    }

    /// Brings the API back on the same port with the same data, and returns when it serves.
    pub async fn start_apiserver(&mut self) -> Result<()> {
        self.plane.start_apiserver(&self.credentials).await
    }

    /// Takes the apiserver's store away, and keeps its data.
    pub async fn stop_etcd(&mut self) -> Result<()> {
        self.plane.stop_etcd();
        Ok(())
    }

    /// Brings the store back, and returns when the apiserver, where it runs, serves again.
    pub async fn start_etcd(&mut self) -> Result<()> {
        self.plane.start_etcd(&self.credentials).await
    }

    /// Takes kube-controller-manager away: Deployments, Endpoints and garbage stay as they are.
    pub async fn stop_controller_manager(&mut self) -> Result<()> {
        self.plane.stop_controller_manager();
        Ok(())
    }

    /// Brings kube-controller-manager back.
    pub async fn start_controller_manager(&mut self) -> Result<()> {
        self.plane.start_controller_manager(&self.credentials).await
    }

    /// Takes a node's kubelet away: its pods go on, and nobody says so.
    pub async fn stop_kubelet(&mut self, node: u8) -> Result<()> {
        self.nodes_mut()?.stop_kubelet(node)
    }

    /// Brings a node's kubelet back, and returns when the node is ready.
    pub async fn start_kubelet(&mut self, node: u8) -> Result<()> {
        let layout = self.plane.layout().clone();
        let nodes = self.nodes.as_mut().context("the cluster has no nodes")?;
        nodes.start_kubelet(node, &layout, &self.credentials).await
    }

    /// Takes a node away as a power failure does, with its pods and its images.
    pub async fn stop_node(&mut self, node: u8) -> Result<()> {
        self.nodes_mut()?.stop(node).await
    }

    /// Starts `node-<number>`, an additional one or one that was stopped, without images, and returns when it is ready.
    pub async fn start_node(&mut self, node: u8) -> Result<()> {
        let layout = self.plane.layout().clone();
        let nodes = self.nodes.as_mut().context("the cluster has no nodes")?;
        nodes.boot(node, &self.credentials).await?;
        nodes.join(node, &layout, &self.credentials).await
    }

    fn nodes_mut(&mut self) -> Result<&mut Nodes> {
        self.nodes.as_mut().context("the cluster has no nodes")
    }
}
