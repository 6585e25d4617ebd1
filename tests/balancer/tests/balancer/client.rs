//! Clients: plain requests and WebSockets.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use futures::{SinkExt, StreamExt};
use reqwest::{Client, RequestBuilder, redirect::Policy};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{Error, Message, error::ProtocolError},
};

const DEADLINE: Duration = Duration::from_secs(10);

/// A client that finds every one of these hosts at one address, takes no other way, and follows no redirect.
pub fn http(hosts: &[&str], at: SocketAddr) -> Result<Client> {
    http_from(Ipv4Addr::LOCALHOST.into(), hosts, at)
}

/// The same, from one of the addresses of loopback.
pub fn http_from(source: IpAddr, hosts: &[&str], at: SocketAddr) -> Result<Client> {
    let mut builder = Client::builder().no_proxy().redirect(Policy::none()).local_address(source).timeout(DEADLINE);
    for host in hosts {
        builder = builder.resolve(host, at);
    }
    Ok(builder.build()?)
}

/// Who answered.
pub async fn who(request: RequestBuilder) -> Result<String> {
    let answer: serde_json::Value = request.send().await?.error_for_status()?.json().await?;
    Ok(answer["name"].as_str().context("a name")?.to_owned())
}

/// An open WebSocket.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The server that it is connected to.
    pub name: String,
}

impl Socket {
    pub async fn open(at: SocketAddr, host: &str) -> Result<Self> {
        Self::open_from(Ipv4Addr::LOCALHOST.into(), at, host).await
    }

    pub async fn open_from(source: IpAddr, at: SocketAddr, host: &str) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source, 0))?;
        Self::over(socket.connect(at).await?, host, None).await
    }

    /// As a browser does: over HTTP/1.1, in TLS.
    pub async fn open_tls(at: SocketAddr, host: &str, authority: &Path) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority)?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self::over(TcpStream::connect(at).await?, host, Some(Connector::Rustls(Arc::new(config)))).await
    }

    async fn over(stream: TcpStream, host: &str, tls: Option<Connector>) -> Result<Self> {
        let scheme = if tls.is_some() { "wss" } else { "ws" };
        let url = format!("{scheme}://{host}/socket");
        let (mut stream, _) = client_async_tls_with_config(url, stream, None, tls).await?;
        let first = timeout(DEADLINE, stream.next()).await?.context("the server's name")??;
        Ok(Self { stream, name: first.to_text()?.to_owned() })
    }

    /// Says something and hears it again.
    pub async fn echo(&mut self) -> Result<()> {
        self.stream.send(Message::text("again")).await?;
        match timeout(DEADLINE, self.stream.next()).await?.context("an echo")?? {
            Message::Text(text) if text == "again" => Ok(()),
            other => bail!("heard {other:?}"),
        }
    }

    /// Talks until it is cut.
    pub async fn talk_until_cut(&mut self, pause: Duration) -> Cut {
        loop {
            if let Err(error) = self.echo().await {
                return Cut::of(error);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Listens until it is cut.
    pub async fn listen_until_cut(&mut self) -> Cut {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Close(_))) => return Cut::Closed,
                Some(Ok(_)) => {}
                Some(Err(error)) => return Cut::of(error.into()),
                None => return Cut::of(anyhow::anyhow!("ended")),
            }
        }
    }
}

/// How a WebSocket ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Cut {
    /// With a close frame.
    Closed,
    /// Without one: what browsers show as 1006.
    Abnormal,
}

impl Cut {
    fn of(error: anyhow::Error) -> Self {
        match error.downcast_ref::<Error>() {
            Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) | Error::Io(_)) => Self::Abnormal,
            _ => panic!("neither closed nor cut: {error:#}"),
        }
    }
}
