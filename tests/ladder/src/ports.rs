//! Free ports, for what has to be known before somebody listens there.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Context, Result};

/// Below the range of outgoing connections, and apart from the control plane's.
const FIRST: u16 = 29_000;
const COUNT: u16 = 3_000;

/// A loopback address that nobody listens on; each call gives another one.
///
/// # Errors
/// When all are taken.
pub fn free() -> Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(COUNT))?;
    (0..COUNT)
        .map(|_| NEXT.fetch_add(1, Ordering::Relaxed))
        .map(|step| SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + (start + step % COUNT) % COUNT)))
        .find(|address| is_free(*address))
        .context("no free port")
}

/// Whether one may listen there.
#[must_use]
pub fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}
