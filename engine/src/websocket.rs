//! A session on its WebSocket: one task that reads, writes and keeps the beat.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use engineioxide_core::{Packet, ProtocolVersion, Sid, Str, TransportType};
use futures::{SinkExt, StreamExt};
use http::request::Parts;
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{Role, WebSocketConfig},
    },
};

use crate::{
    config::EngineIoConfig,
    handler::EngineIoHandler,
    heartbeat::{Due, Heartbeat},
    outgoing::Outgoing,
    sessions::Sessions,
    socket::{Carrying, DisconnectReason, Ends},
    upgrade,
};

/// Bytes of a session in Engine.IO 3 begin with the type of their packet.
const MESSAGE_V3: u8 = 4;

/// Serves a WebSocket whose HTTP part is over.
pub(crate) async fn serve<H: EngineIoHandler, S>(
    sessions: Arc<Sessions<H>>,
    stream: S,
    protocol: ProtocolVersion,
    sid: Option<Sid>,
    parts: Parts,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = limits(&sessions.config);
    let mut stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
    let carrying = match sid {
        None => open(&sessions, &mut stream, protocol, parts).await,
        Some(sid) => upgrade::take_over(&sessions, &mut stream, sid).await,
    };
    if let Some(carrying) = carrying {
        let heartbeat = Heartbeat::new(carrying.socket.protocol, &sessions.config);
        // A task of its own, which is no larger than what is kept while a connection is idle.
        tokio::spawn(Connection { sessions, carrying, stream, heartbeat, writing: Writing::Open, is_flushed: true });
    }
}

fn limits(config: &EngineIoConfig) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(config.ws_read_buffer_size)
        .max_message_size(Some(config.ws_max_message_size))
        .max_frame_size(Some(config.ws_max_frame_size))
}

async fn open<H: EngineIoHandler, S>(
    sessions: &Arc<Sessions<H>>,
    stream: &mut WebSocketStream<S>,
    protocol: ProtocolVersion,
    parts: Parts,
) -> Option<Carrying<H::Data>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let socket = sessions.open(protocol, TransportType::Websocket, parts, true);
    // One that the handler has ended already is not greeted.
    let carrying = socket.carry().ok()?;
    let greeting = String::from(sessions.greeting(&socket, TransportType::Websocket));
    if let Err(error) = stream.send(Message::text(greeting)).await {
        tracing::debug!(sid = %socket.id, %error, "the client was gone before it was greeted");
        sessions.end(socket.id, DisconnectReason::TransportError);
        return None;
    }
    Some(carrying)
}

pin_project! {
    struct Connection<H: EngineIoHandler, S> {
        sessions: Arc<Sessions<H>>,
        carrying: Carrying<H::Data>,
        stream: WebSocketStream<S>,
        #[pin]
        heartbeat: Heartbeat,
        writing: Writing,
        is_flushed: bool,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Open,
    /// All that there was is written, and the close frame is on its way.
    Closing,
    /// Nothing can be written any more.
    Broken,
}

impl<H: EngineIoHandler, S> Future for Connection<H, S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.carrying.socket.outbox.attend(cx.waker());
        self.as_mut().poll_heartbeat(cx);
        self.as_mut().poll_incoming(cx);
        self.poll_outgoing(cx)
    }
}

impl<H: EngineIoHandler, S> Connection<H, S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn poll_heartbeat(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let mut this = self.project();
        let socket = &this.carrying.socket;
        while !socket.is_closed() {
            match this.heartbeat.as_mut().poll(cx) {
                Poll::Pending => return,
                Poll::Ready(Due::Ping) => socket.outbox.signal(Outgoing::Ping),
                Poll::Ready(Due::End) => this.sessions.end(socket.id, DisconnectReason::HeartbeatTimeout),
            }
        }
    }

    /// Reads until there is nothing to read or the session has ended. Answers are written in between, since not many may wait.
    fn poll_incoming(mut self: Pin<&mut Self>, cx: &mut Context<'_>) {
        while !self.carrying.socket.is_closed() {
            let Poll::Ready(message) = self.as_mut().project().stream.poll_next_unpin(cx) else { return };
            let heard = match message {
                Some(Ok(message)) => self.as_mut().take(message),
                Some(Err(error)) => {
                    tracing::debug!(sid = %self.carrying.socket.id, %error, "the connection broke");
                    Err(DisconnectReason::TransportError)
                }
                None => Err(DisconnectReason::TransportClose),
            };
            if let Err(reason) = heard {
                self.sessions.end(self.carrying.socket.id, reason);
            }
            self.as_mut().write(cx);
        }
    }

    /// # Errors
    /// Why the session ends.
    fn take(self: Pin<&mut Self>, message: Message) -> Result<(), DisconnectReason> {
        let this = self.project();
        let socket = &this.carrying.socket;
        match message {
            Message::Text(text) => match Packet::parse(socket.protocol, Str::copy_from_slice(&text)) {
                Ok(Packet::Message(text)) => this.sessions.handler.on_message(text, Arc::clone(socket)),
                Ok(Packet::Ping) if socket.protocol == ProtocolVersion::V3 => {
                    this.heartbeat.heard();
                    socket.outbox.signal(Outgoing::Pong);
                }
                Ok(Packet::Ping | Packet::Pong) => this.heartbeat.heard(),
                Ok(Packet::Close) => return Err(DisconnectReason::TransportClose),
                Ok(_) | Err(_) => return Err(DisconnectReason::PacketParsingError),
            },
            Message::Binary(bytes) => {
                let is_typed = socket.protocol == ProtocolVersion::V3 && !bytes.is_empty();
                let bytes = if is_typed { bytes.slice(1..) } else { bytes };
                this.sessions.handler.on_binary(bytes, Arc::clone(socket));
            }
            Message::Close(_) => return Err(DisconnectReason::TransportClose),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        Ok(())
    }

    /// Hands over what waits, as far as there is room for it.
    fn write(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let this = self.project();
        let socket = &this.carrying.socket;
        while *this.writing == Writing::Open {
            match this.stream.poll_ready_unpin(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => *this.writing = Writing::Broken,
                Poll::Pending => return,
            }
            let Some(next) = socket.outbox.pop() else { return };
            let sent = frames(next, socket.protocol, |frame| this.stream.start_send_unpin(frame));
            *this.is_flushed = false;
            if let Err(error) = sent {
                tracing::debug!(sid = %socket.id, %error, "the client cannot be sent to any more");
                *this.writing = Writing::Broken;
            }
        }
    }

    /// Writes what waits. Ready when the session has ended and all is written that can be.
    fn poll_outgoing(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            // Asked first: what came before the end is then among what is written.
            let has_ended = self.carrying.socket.is_closed();
            self.as_mut().write(cx);
            let this = self.as_mut().project();
            match *this.writing {
                Writing::Open => {
                    if !*this.is_flushed {
                        match ready!(this.stream.poll_flush_unpin(cx)) {
                            Ok(()) => *this.is_flushed = true,
                            Err(_) => *this.writing = Writing::Broken,
                        }
                        // There may be room for more now.
                        continue;
                    }
                    if !has_ended {
                        return Poll::Pending;
                    }
                    *this.writing = Writing::Closing;
                }
                Writing::Closing => {
                    ready!(this.stream.poll_close_unpin(cx)).ok();
                    return Poll::Ready(());
                }
                Writing::Broken if has_ended => return Poll::Ready(()),
                Writing::Broken => {
                    // The reader would hear of it later, or not at all.
                    this.sessions.end(this.carrying.socket.id, DisconnectReason::TransportError);
                    return Poll::Ready(());
                }
            }
        }
    }
}

/// The frames of a message. The parts of one that has attachments go out one behind the other, whatever there is room for.
fn frames<E>(
    outgoing: Outgoing,
    protocol: ProtocolVersion,
    mut send: impl FnMut(Message) -> Result<(), E>,
) -> Result<(), E> {
    let text = |text: &str| Message::text(format!("4{text}"));
    let binary = |bytes: Bytes| match protocol {
        ProtocolVersion::V3 => Message::binary([&[MESSAGE_V3], &bytes[..]].concat()),
        ProtocolVersion::V4 => Message::Binary(bytes),
    };
    match outgoing {
        Outgoing::Text(message) => send(text(&message)),
        Outgoing::Binary(bytes) => send(binary(bytes)),
        Outgoing::Attached(message) => {
            let (message, attachments) = *message;
            send(text(&message))?;
            attachments.into_iter().try_for_each(|bytes| send(binary(bytes)))
        }
        Outgoing::Ping => send(Message::text("2")),
        Outgoing::Pong => send(Message::text("3")),
        Outgoing::Close => send(Message::text("1")),
        // It was for a poll that has its answer by now.
        Outgoing::Noop => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;

    use super::*;
    use crate::socket::Socket;

    #[derive(Debug)]
    struct Nobody;

    impl EngineIoHandler for Nobody {
        type Data = ();

        fn on_connect(self: Arc<Self>, _: Arc<Socket<()>>) {}
        fn on_disconnect(&self, _: Arc<Socket<()>>, _: DisconnectReason) {}
        fn on_message(self: &Arc<Self>, _: Str, _: Arc<Socket<()>>) {}
        fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
    }

    #[test]
    fn an_idle_session_is_small() {
        let (task, session) = (size_of::<Connection<Nobody, Box<DuplexStream>>>(), size_of::<Socket<()>>());
        assert!(task <= 512 && session <= 512, "{task} and {session} bytes");
    }
}
