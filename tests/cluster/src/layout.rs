//! Where things are: the addresses that the programs, their arguments and their certificates agree on.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
};

use crate::{node::Network, ports::Ports};

#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) ports: Ports,
    /// The range of Services' addresses.
    pub(crate) services: String,
    /// The address of the Service `kubernetes`, the first of the range.
    pub(crate) kubernetes: Ipv4Addr,
    pub(crate) nodes: bool,
}

impl Layout {
    pub(crate) fn without_nodes() -> io::Result<Self> {
        Ok(Self {
            ports: Ports::pick(IpAddr::V4(Ipv4Addr::LOCALHOST))?,
            services: "10.0.0.0/16".to_owned(),
            kubernetes: Ipv4Addr::new(10, 0, 0, 1),
            nodes: false,
        })
    }

    /// The apiserver listens on the address that nodes and pods know this machine by, and on no other.
    pub(crate) fn with_nodes(network: &Network) -> io::Result<Self> {
        let plan = network.plan();
        Ok(Self {
            ports: Ports::pick(IpAddr::V4(plan.host))?,
            services: plan.services.clone(),
            kubernetes: plan.kubernetes(),
            nodes: true,
        })
    }
}
