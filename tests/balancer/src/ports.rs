//! Free ports.

use std::{
    io,
    net::{IpAddr, TcpListener},
};

use crate::xds::Front;

/// Takes a free port where 0 is asked for. Both are held until both are known, so that they differ.
pub(crate) fn front(address: IpAddr, http: u16, https: u16) -> io::Result<Front> {
    let (http, https) = (TcpListener::bind((address, http))?, TcpListener::bind((address, https))?);
    Ok(Front { address, http: http.local_addr()?.port(), https: https.local_addr()?.port() })
}
