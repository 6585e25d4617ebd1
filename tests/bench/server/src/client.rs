//! A Socket.IO client as thin as can be, so that what is measured is the server.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use futures::{SinkExt, StreamExt};
use http::{HeaderValue, header};
use tokio::{net::TcpStream, time};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

use crate::peer::ORIGIN;

/// The library's 128 KiB a socket would fill the machine.
const BUFFER: usize = 2048;
/// How long a server may take to close.
const GOODBYE: Duration = Duration::from_secs(5);

/// A client with a WebSocket and the main namespace.
pub struct Client(WebSocketStream<TcpStream>);

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When the server does not let it.
    pub async fn connect(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{server}/socket.io/?EIO=4&transport=websocket").into_client_request()?;
        request.headers_mut().insert(header::ORIGIN, HeaderValue::from_static(ORIGIN));
        let config = WebSocketConfig::default().read_buffer_size(BUFFER).write_buffer_size(0);
        let (stream, _) = client_async_with_config(request, stream, Some(config)).await?;
        let mut client = Self(stream);
        client.until("0").await?;
        client.send("40".to_owned()).await?;
        client.until("40").await?;
        Ok(client)
    }

    /// Sends a packet.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, packet: String) -> Result<()> {
        Ok(self.0.send(Message::text(packet)).await?)
    }

    /// The next packet that is no ping; those are answered.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn next(&mut self) -> Result<Message> {
        loop {
            match self.0.next().await.context("the server hung up")?? {
                Message::Text(text) if text.as_str() == "2" => self.send("3".to_owned()).await?,
                message @ Message::Text(_) => return Ok(message),
                Message::Close(frame) => bail!("the server closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next packet that begins so.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn until(&mut self, start: &str) -> Result<Message> {
        loop {
            let message = self.next().await?;
            if message.to_text().is_ok_and(|text| text.starts_with(start)) {
                return Ok(message);
            }
        }
    }

    /// Closes, and waits until the server has too, if it does so soon: one of those in Go leaves that to its garbage collector.
    pub async fn close(mut self) {
        // Whoever is gone already has closed.
        self.0.close(None).await.ok();
        let closed = async { while let Some(Ok(_)) = self.0.next().await {} };
        time::timeout(GOODBYE, closed).await.ok();
    }
}
