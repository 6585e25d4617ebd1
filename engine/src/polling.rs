//! A session that polls.

use std::{fmt::Debug, sync::Arc};

use engineioxide_core::{
    Packet, PacketParseError, ProtocolVersion, Sid, TransportType,
    payload::{self, Payload},
};
use futures::{StreamExt, stream};
use http::{Request, header::CONTENT_TYPE, request::Parts};
use http_body::Body;

use crate::{
    answer::{self, Answer},
    handler::EngineIoHandler,
    heartbeat,
    outbox::NotYours,
    outgoing::Outgoing,
    request::Fault,
    sessions::Sessions,
    socket::{DisconnectReason, Ends, Socket},
};

/// Opens a session.
pub(crate) fn open<H: EngineIoHandler, B>(
    sessions: &Arc<Sessions<H>>,
    protocol: ProtocolVersion,
    parts: Parts,
    reads_binary: bool,
) -> Answer<B> {
    let socket = sessions.open(protocol, TransportType::Polling, parts, reads_binary);
    let greeting = sessions.greeting(&socket, TransportType::Polling);
    tokio::spawn(heartbeat::of_polling(Arc::clone(sessions), socket));
    answer::payload(payload::packet_encoder(greeting, protocol, false), false)
}

/// Answers with what there is for the client, as soon as there is something.
pub(crate) async fn poll<H: EngineIoHandler, B>(sessions: Arc<Sessions<H>>, sid: Sid) -> Result<Answer<B>, Fault> {
    let socket = on_polling(&sessions, sid)?;
    let protocol = socket.protocol;
    if socket.is_upgrading() {
        return Ok(answer::payload(payload::packet_encoder(Packet::Noop, protocol, false), false));
    }
    let _carrying = match socket.carry() {
        Ok(carrying) => carrying,
        Err(NotYours::Ended) => return Err(Fault::SessionIdUnknown),
        Err(NotYours::Taken) => {
            socket.close(DisconnectReason::MultipleHttpPollingError);
            return Err(Fault::NoPayload);
        }
    };
    let packets = stream::poll_fn(|cx| socket.outbox.poll_packets(protocol, cx));
    let Payload { data, has_binary, peeked } =
        payload::encoder(packets, protocol, socket.reads_binary, sessions.config.max_payload).await;
    if let Some(packets) = peeked {
        socket.outbox.put_back(packets);
    }
    Ok(answer::payload(data, has_binary))
}

/// Takes what the client sends.
pub(crate) async fn post<H: EngineIoHandler, R, B>(
    sessions: Arc<Sessions<H>>,
    sid: Sid,
    request: Request<R>,
) -> Result<Answer<B>, Fault>
where
    R: Body + Send + Unpin + 'static,
    R::Error: Debug,
    R::Data: Send,
{
    let socket = on_polling(&sessions, sid)?;
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(CONTENT_TYPE);
    let packets = payload::decoder(body, kind, socket.protocol, sessions.config.max_payload);
    let mut packets = std::pin::pin!(packets);
    while let Some(packet) = packets.next().await {
        match packet {
            Ok(Packet::Message(text)) => sessions.handler.on_message(text, Arc::clone(&socket)),
            Ok(Packet::Binary(bytes) | Packet::BinaryV3(bytes)) => {
                sessions.handler.on_binary(bytes, Arc::clone(&socket))
            }
            Ok(Packet::Ping | Packet::Pong) => socket.heard.notify_one(),
            Ok(Packet::Close) => {
                // A poll that waits is answered.
                socket.outbox.signal(Outgoing::Noop);
                sessions.end(sid, DisconnectReason::TransportClose);
                break;
            }
            Ok(packet) => {
                tracing::debug!(%sid, ?packet, "not a packet for a server");
                return Err(Fault::NoPayload);
            }
            Err(error) => {
                tracing::debug!(%sid, %error, "not a payload");
                sessions.end(sid, DisconnectReason::PacketParsingError);
                let is_too_large = matches!(error, PacketParseError::PayloadTooLarge { .. });
                return Err(if is_too_large { Fault::TooLarge } else { Fault::NoPayload });
            }
        }
    }
    Ok(answer::payload("ok", false))
}

fn on_polling<H: EngineIoHandler>(sessions: &Sessions<H>, sid: Sid) -> Result<Arc<Socket<H::Data>>, Fault> {
    let socket = sessions.find(sid).ok_or(Fault::SessionIdUnknown)?;
    if socket.is_on_websocket() { Err(Fault::BadRequest) } else { Ok(socket) }
}
