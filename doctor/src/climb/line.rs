//! The line to the server: addresses, TCP, TLS. Each request opens one of its own.

use std::{io, net::SocketAddr, sync::Arc};

use rustls::{ClientConfig, Error as Tls, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::tls;
use crate::{Target, exchange::Failure, judge::connect::Secured};

/// What goes both ways.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// An open connection.
pub(super) struct Opened {
    pub(super) stream: Box<dyn Duplex>,
    pub(super) secured: Option<Secured>,
}

/// Why there is no connection.
pub(super) enum NoLine {
    Failure(Failure),
    Tls(Tls),
}

/// Where to connect, and how.
pub(super) struct Line {
    pub(super) target: Target,
    addresses: Vec<SocketAddr>,
    config: Option<Arc<ClientConfig>>,
}

/// The addresses of the name; or what the resolver says.
pub(super) async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, String> {
    let port = target.url.port_or_known_default().unwrap_or(443);
    let host = target.connect_to.clone().unwrap_or_else(|| format!("{}:{port}", target.host()));
    match timeout(target.timeout, lookup_host(&host)).await {
        Ok(Ok(found)) => {
            let found: Vec<_> = found.collect();
            if found.is_empty() { Err("no address".to_owned()) } else { Ok(found) }
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer of the resolver within {:?}", target.timeout)),
    }
}

impl Line {
    pub(super) fn new(target: &Target, addresses: Vec<SocketAddr>) -> Result<Self, Tls> {
        let config = target.is_tls().then(|| tls::config(&target.authorities)).transpose()?;
        Ok(Self { target: target.clone(), addresses, config })
    }

    pub(super) fn trust_anybody(&mut self) -> Result<(), Tls> {
        self.config = Some(tls::careless()?);
        Ok(())
    }

    pub(super) async fn open(&self) -> Result<Opened, NoLine> {
        let tcp = self.tcp().await.map_err(NoLine::Failure)?;
        let Some(config) = &self.config else { return Ok(Opened { stream: Box::new(tcp), secured: None }) };
        let host = self.target.host().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host).map_err(|error| NoLine::Tls(Tls::General(error.to_string())))?;
        let connecting = TlsConnector::from(Arc::clone(config)).connect(name, tcp);
        let limit = self.target.timeout;
        match timeout(limit, connecting).await {
            Ok(Ok(stream)) => {
                let (_, connection) = stream.get_ref();
                let certificate = connection.peer_certificates().and_then(<[_]>::first);
                let secured = tls::secured(connection.protocol_version(), certificate);
                Ok(Opened { stream: Box::new(stream), secured: Some(secured) })
            }
            Ok(Err(error)) => Err(NoLine::Tls(of_tls(&error))),
            Err(_) => Err(NoLine::Tls(Tls::General(format!("no answer within {limit:?}")))),
        }
    }

    async fn tcp(&self) -> Result<TcpStream, Failure> {
        let mut last = Failure::Refused;
        for address in &self.addresses {
            match timeout(self.target.timeout, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Small requests; without this the evidence's times would be those of Nagle's algorithm.
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => last = Failure::Refused,
                Ok(Err(error)) => last = Failure::Unreachable(error.to_string()),
                Err(_) => last = Failure::ConnectTimeout(self.target.timeout),
            }
        }
        Err(last)
    }
}

fn of_tls(error: &io::Error) -> Tls {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Tls>());
    inner.cloned().unwrap_or_else(|| Tls::General(error.to_string()))
}

impl From<NoLine> for Failure {
    fn from(no: NoLine) -> Self {
        match no {
            NoLine::Failure(failure) => failure,
            NoLine::Tls(error) => Self::Tls(error.to_string()),
        }
    }
}
