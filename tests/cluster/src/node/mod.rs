//! The nodes: each a containerd, a kubelet and a kube-proxy in network, mount and process namespaces of their own.

mod dns;
mod files;
mod image;
mod machine;
mod network;
mod support;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use self::machine::Machine;
pub(crate) use self::network::Network;
pub use self::support::{Missing, node_support};
use crate::{assets, credentials::Credentials, layout::Layout, process::Process, request::Requester, wait};

/// What a node of `assets` has to have.
pub(crate) const PROGRAMS: [&str; 3] = ["kubelet", "kube-proxy", "kube-scheduler"];

#[derive(Debug)]
pub(crate) struct Nodes {
    // First, as all that is in it ends with it.
    network: Network,
    machines: BTreeMap<u8, Machine>,
    dns: Option<(Process, SocketAddr)>,
    tools: PathBuf,
    assets: PathBuf,
    data: PathBuf,
}

impl Nodes {
    /// Sets up a network that has no nodes yet.
    pub(crate) async fn open(assets: &Path, data: &Path) -> Result<Self> {
        node_support()?;
        support::assets(assets)?;
        let tools = assets::build_node_tools(|line| tracing::info!("{line}")).await?;
        let network = Network::open(&tools, data).await?;
        let (assets, data) = (assets.to_owned(), data.to_owned());
        Ok(Self { network, machines: BTreeMap::new(), dns: None, tools, assets, data })
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    pub(crate) fn host_address(&self) -> Ipv4Addr {
        self.network.plan().host
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.machines.values().map(Machine::name)
    }

    /// Starts a machine with nothing on it but containers' runtime: all that can be done before there is an API.
    pub(crate) async fn boot(&mut self, number: u8, credentials: &Credentials) -> Result<()> {
        let place = self.network.start(number).await?;
        let mut machine = Machine::boot(&self.data, self.network.plan(), place, credentials)?;
        machine.wait_for_containerd().await?;
        machine.import_image(&self.tools.join("pause.tar")).await?;
        self.machines.insert(number, machine);
        Ok(())
    }

    /// Starts the cluster's DNS, once there is an API.
    pub(crate) async fn start_dns(&mut self, layout: &Layout, credentials: &Credentials) -> Result<()> {
        let plan = self.network.plan();
        let (process, address) = dns::start(&self.tools, &self.data, plan, credentials)?;
        dns::publish(&Requester::new(credentials, layout.ports.apiserver)?, plan.dns(), address).await?;
        self.dns = Some((process, address));
        Ok(())
    }

    /// Makes a machine a node that pods are scheduled to.
    pub(crate) async fn join(&mut self, number: u8, layout: &Layout, credentials: &Credentials) -> Result<()> {
        let machine = self.machines.get_mut(&number).context("it was not booted")?;
        machine.start_kubelet(&self.assets)?;
        machine.start_proxy(&self.assets)?;
        if let Some((process, address)) = &mut self.dns {
            wait::connect(*address, process).await?;
        }
        let requester = Requester::new(credentials, layout.ports.apiserver)?;
        machine.wait_until_ready(&requester).await
    }

    /// Takes the node's machine away, as when its power fails.
    pub(crate) async fn stop(&mut self, number: u8) -> Result<()> {
        self.network.stop(number).await?;
        self.machines.remove(&number);
        Ok(())
    }

    pub(crate) async fn import_image(&self, archive: &Path) -> Result<()> {
        for machine in self.machines.values() {
            machine.import_image(archive).await?;
        }
        Ok(())
    }

    pub(crate) fn stop_kubelet(&mut self, number: u8) -> Result<()> {
        self.machine(number)?.stop_kubelet();
        Ok(())
    }

    pub(crate) async fn start_kubelet(&mut self, number: u8, layout: &Layout, credentials: &Credentials) -> Result<()> {
        let requester = Requester::new(credentials, layout.ports.apiserver)?;
        let assets = self.assets.clone();
        let machine = self.machine(number)?;
        machine.start_kubelet(&assets)?;
        machine.wait_until_ready(&requester).await
    }

    fn machine(&mut self, number: u8) -> Result<&mut Machine> {
        self.machines.get_mut(&number).with_context(|| format!("there is no node {number}"))
    }

    /// Ends all of them, and fails where something of them could not be removed.
    pub(crate) fn close(self) -> Result<()> {
        self.network.close()
    }
}
