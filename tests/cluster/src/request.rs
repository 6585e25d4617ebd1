//! The few requests to the apiserver that starting a cluster takes.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::credentials::Credentials;

/// Trusts one certificate authority, so another cluster on a port that was ours does not count as ready.
#[derive(Clone, Debug)]
pub(crate) struct Requester {
    tls: Arc<ClientConfig>,
    address: SocketAddr,
    token: String,
}

pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Vec<u8>,
}

impl Requester {
    pub(crate) fn new(credentials: &Credentials, address: SocketAddr) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        let authority = credentials.authority.certificate.clone();
        roots.add(authority).context("failed to trust the cluster's certificate authority")?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: Arc::new(tls), address, token: credentials.admin_token.clone() })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        self.send("GET", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, object: &Value) -> Result<Answer> {
        self.send("POST", path, &object.to_string()).await
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> Result<Answer> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::from(self.address.ip());
        let mut stream = TlsConnector::from(self.tls.clone()).connect(name, stream).await?;
        let Self { address, token, tls: _ } = self;
        // The older version has no chunks, and ends with the connection.
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nUser-Agent: local-cluster\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len(),
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").context("the answer is not HTTP")?;
        let code = std::str::from_utf8(&answer[..end]).ok().and_then(|head| head.split(' ').nth(1));
        let code = code.context("the answer is not HTTP")?.parse()?;
        Ok(Answer { code, body: answer.split_off(end + 4) })
    }
}
