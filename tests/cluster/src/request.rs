//! A GET to the apiserver that says its status code: all that is needed to know when it serves.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// Trusts one certificate authority, so another cluster on a port that was ours does not count as ready.
#[derive(Clone, Debug)]
pub(crate) struct Requester {
    tls: Arc<ClientConfig>,
    address: SocketAddr,
    token: String,
}

impl Requester {
    pub(crate) fn new(authority: CertificateDer<'static>, address: SocketAddr, token: String) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(authority).context("failed to trust the cluster's certificate authority")?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: Arc::new(tls), address, token })
    }

    pub(crate) async fn status(&self, path: &str) -> Result<u16> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::from(self.address.ip());
        let mut stream = TlsConnector::from(self.tls.clone()).connect(name, stream).await?;
        let Self { address, token, tls: _ } = self;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nUser-Agent: local-cluster\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = [0; "HTTP/1.1 200".len()];
        stream.read_exact(&mut head).await?;
        let head = std::str::from_utf8(&head).context("the answer is not HTTP")?;
        let code = head.strip_prefix("HTTP/1.1 ").context("the answer is not HTTP")?;
        Ok(code.parse()?)
    }
}
