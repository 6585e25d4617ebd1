//! Where the other replicas are.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::Args;

/// Options of replicas that hand requests to each other.
#[derive(Clone, Debug, Args)]
pub struct Peers {
    /// Where other replicas hand over requests of sessions that are here. With it session ids name their replica, and a load balancer may send any
    /// request to any replica. Keep it off the public network.
    #[arg(long, env = "REALTIME_PEER_LISTEN", value_name = "ADDR")]
    pub peer_listen: Option<SocketAddr>,

    /// Address by which the other replicas know this one: an IP address, or one with a port. Default: where it listens for them.
    #[arg(long, env = "REALTIME_PEER_ADDRESS", value_name = "ADDR", value_parser = address)]
    pub peer_address: Option<Address>,

    /// The replicas: addresses or DNS names with a comma, each with the port of --peer-listen unless it has another. Names are looked up again every
    /// second.
    #[arg(long, env = "REALTIME_PEERS", value_name = "LIST", value_delimiter = ',', conflicts_with = "peer_service")]
    pub peers: Vec<String>,

    /// Name of the Service in --namespace whose EndpointSlices tell the replicas.
    #[arg(long, env = "REALTIME_PEER_SERVICE", value_name = "NAME", requires = "namespace")]
    pub peer_service: Option<String>,

    /// File with the secret that all replicas share, a line each: the first marks session ids, every one is known. Default: derived from the identity
    /// of the resource.
    #[arg(long, env = "REALTIME_PEER_KEY_FILE", value_name = "FILE")]
    pub peer_key_file: Option<PathBuf>,
}

/// An address whose port may be another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    ip: IpAddr,
    port: Option<u16>,
}

impl Address {
    /// With its own port, or this one.
    #[must_use]
    pub fn or_port(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.unwrap_or(port))
    }
}

fn address(text: &str) -> Result<Address, String> {
    let with_port = text.parse::<SocketAddr>().map(|address| Address { ip: address.ip(), port: Some(address.port()) });
    let alone = text.parse::<IpAddr>().map(|ip| Address { ip, port: None });
    with_port.or(alone).map_err(|_| "an IP address, e.g. 10.4.0.7 or 10.4.0.7:8082".to_owned())
}
