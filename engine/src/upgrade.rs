//! From polling to a WebSocket: the client probes, the server answers, the client says that it has moved.

use std::sync::Arc;

use engineioxide_core::{Packet, Sid, Str};
use futures::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

use crate::{
    handler::EngineIoHandler,
    outbox::NotYours,
    outgoing::Outgoing,
    sessions::Sessions,
    socket::{Carrying, DisconnectReason, Ends, Socket},
};

/// Moves a session to this WebSocket. One that does not come so far ends.
pub(crate) async fn take_over<H: EngineIoHandler, S>(
    sessions: &Arc<Sessions<H>>,
    stream: &mut WebSocketStream<S>,
    sid: Sid,
) -> Option<Carrying<H::Data>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let socket = sessions.find(sid)?;
    if socket.is_on_websocket() || !socket.begin_upgrade() {
        return None;
    }
    let moved = tokio::select! {
        moved = time::timeout(sessions.config.upgrade_timeout, moved(&socket, stream)) => moved.ok().flatten(),
        () = socket.until(|| socket.is_closed()) => None,
    };
    if moved.is_none() {
        sessions.end(sid, DisconnectReason::TransportError);
    }
    moved
}

async fn moved<D, S>(socket: &Arc<Socket<D>>, stream: &mut WebSocketStream<S>) -> Option<Carrying<D>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // A poll that waits is answered, and the client opens no other.
    socket.outbox.signal(Outgoing::Noop);
    let carrying = carry(socket).await?;
    if packet(socket, stream).await? != Packet::PingUpgrade {
        return None;
    }
    stream.send(Message::text(String::from(Packet::PongUpgrade))).await.ok()?;
    if packet(socket, stream).await? != Packet::Upgrade {
        return None;
    }
    socket.upgraded();
    Some(carrying)
}

/// Waits until no poll carries the session's messages.
async fn carry<D>(socket: &Arc<Socket<D>>) -> Option<Carrying<D>> {
    loop {
        let changed = socket.changed.notified();
        match socket.carry() {
            Ok(carrying) => return Some(carrying),
            Err(NotYours::Ended) => return None,
            Err(NotYours::Taken) => changed.await,
        }
    }
}

async fn packet<D, S>(socket: &Socket<D>, stream: &mut WebSocketStream<S>) -> Option<Packet>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match stream.next().await? {
        Ok(Message::Text(text)) => Packet::parse(socket.protocol, Str::copy_from_slice(&text)).ok(),
        Ok(_) | Err(_) => None,
    }
}
