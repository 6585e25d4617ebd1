//! TLS in front of a server, with a certificate that is not the right one.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use time::{Duration, OffsetDateTime};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// The name that clients ask for; it is always an address of this machine.
pub const HOST: &str = "chat.localhost";

/// A running front; dropping it ends it.
#[derive(Debug)]
pub struct Secure {
    serving: JoinHandle<()>,
    address: SocketAddr,
    /// The authority that signed its certificate.
    pub authority: Vec<u8>,
}

/// An authority that nobody knows unless told.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "an authority of the tests");
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    /// Its certificate.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    fn certify(&self, name: &str, days: i64) -> Result<ServerConfig> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        let now = OffsetDateTime::now_utc();
        (params.not_before, params.not_after) = (now - Duration::days(400), now + Duration::days(days));
        let certificate = params.signed_by(&key, &self.0)?;
        let chain = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).ok().context("a key")?;
        Ok(ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?)
    }
}

impl Secure {
    /// Starts one in front of a port of this machine: `name` is whom its certificate is for, `days` how long that is valid still.
    ///
    /// # Errors
    /// When that fails.
    pub async fn start(name: &str, days: i64, upstream: u16) -> Result<Self> {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), &Authority::new()?, name, days, upstream).await
    }

    /// The same at an address of one's own, by an authority that is known.
    ///
    /// # Errors
    /// When that fails.
    pub async fn at(listen: SocketAddr, authority: &Authority, name: &str, days: i64, upstream: u16) -> Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(authority.certify(name, days)?));
        let listener = TcpListener::bind(listen).await.with_context(|| format!("failed to listen on {listen}"))?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not like the certificate goes.
                    let Ok(mut client) = acceptor.accept(tcp).await else { return };
                    let Ok(mut server) = TcpStream::connect(("127.0.0.1", upstream)).await else { return };
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Ok(Self { serving, address, authority: authority.pem().into_bytes() })
    }

    /// The URL by the name that clients ask for.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{HOST}:{}", self.address.port())
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
