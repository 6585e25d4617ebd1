//! How a load balancer is to be.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

/// How a load balancer is to be. The default is one for tests: on free ports of 127.0.0.1, all in a temporary folder.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens, and what it writes into the status of Ingresses.
    pub address: IpAddr,
    /// The port of plain HTTP; 0 takes a free one.
    pub http_port: u16,
    /// The port of HTTPS; 0 takes a free one.
    pub https_port: u16,
    /// Serves Ingresses whose annotation `kubernetes.io/ingress.class` is `gce` or `gce-internal`, by GKE's rules.
    pub gke: bool,
    /// Serves Ingresses of this class too, by no rules but Kubernetes' own.
    pub class: Option<String>,
    /// How long an endpoint that leaves still gets requests; with Google up to a minute.
    pub detach: Duration,
    /// The folder of the certificate authority, which is made where it is missing; absent: a temporary one.
    pub authority: Option<PathBuf>,
    /// Envoy's program; absent: the one that [`crate::Balancer::envoy`] finds.
    pub envoy: Option<PathBuf>,
    /// Envoy's log; absent: in the temporary folder.
    pub log: Option<PathBuf>,
    /// Envoy's worker threads. Each of them deals requests in a turn of its own.
    pub workers: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            http_port: 0,
            https_port: 0,
            gke: true,
            class: None,
            detach: Duration::ZERO,
            authority: None,
            envoy: None,
            log: None,
            workers: 1,
        }
    }
}
