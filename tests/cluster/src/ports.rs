//! Free ports below the range that the system gives to outgoing connections, so that a port is still ours after the
//! apiserver was away for a while.

use std::{
    hash::{BuildHasher, RandomState},
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
};

const FIRST: u16 = 20_000;
const COUNT: u16 = 9_000;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) apiserver: SocketAddr,
    pub(crate) etcd_client: SocketAddr,
    pub(crate) etcd_peer: SocketAddr,
}

impl Ports {
    /// For an apiserver at an address of this machine, and etcd on loopback.
    pub(crate) fn pick(apiserver: IpAddr) -> io::Result<Self> {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        // All three are held until all three are known, so that they differ.
        let held = [listen(apiserver)?, listen(loopback)?, listen(loopback)?];
        let [apiserver, etcd_client, etcd_peer] = &held;
        Ok(Self {
            apiserver: apiserver.local_addr()?,
            etcd_client: etcd_client.local_addr()?,
            etcd_peer: etcd_peer.local_addr()?,
        })
    }
}

/// Nobody holds it: another program may be faster.
pub(crate) fn free(address: IpAddr) -> io::Result<SocketAddr> {
    listen(address)?.local_addr()
}

fn listen(address: IpAddr) -> io::Result<TcpListener> {
    let start = RandomState::new().hash_one(std::process::id()) % u64::from(COUNT);
    let start = u16::try_from(start).expect("a remainder of COUNT fits");
    (0..COUNT)
        .map(|step| FIRST + (start + step) % COUNT)
        .find_map(|port| TcpListener::bind((address, port)).ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::AddrInUse, "no free port from 20000 to 28999"))
}
