//! All sessions of a server.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, Weak},
};

use engineioxide_core::{OpenPacket, Packet, ProtocolVersion, Sid, TransportType};
use http::request::Parts;

use crate::{
    config::EngineIoConfig,
    handler::EngineIoHandler,
    socket::{DisconnectReason, Ends, Socket},
};

/// All sessions of a server.
pub(crate) struct Sessions<H: EngineIoHandler> {
    by_sid: RwLock<HashMap<Sid, Arc<Socket<H::Data>>>>,
    pub(crate) handler: Arc<H>,
    pub(crate) config: EngineIoConfig,
}

impl<H: EngineIoHandler> Sessions<H> {
    pub(crate) fn new(handler: Arc<H>, config: EngineIoConfig) -> Self {
        Self { by_sid: RwLock::default(), handler, config }
    }

    /// A session begins.
    pub(crate) fn open(
        self: &Arc<Self>,
        protocol: ProtocolVersion,
        transport: TransportType,
        parts: Parts,
        reads_binary: bool,
    ) -> Arc<Socket<H::Data>> {
        let this: Weak<Self> = Arc::downgrade(self);
        let socket = Arc::new(Socket::new(protocol, transport, &self.config, parts, reads_binary, this));
        self.by_sid.write().unwrap_or_else(PoisonError::into_inner).insert(socket.id, Arc::clone(&socket));
        tracing::debug!(sid = %socket.id, %protocol, ?transport, "session opened");
        Arc::clone(&self.handler).on_connect(Arc::clone(&socket));
        socket
    }

    pub(crate) fn find(&self, sid: Sid) -> Option<Arc<Socket<H::Data>>> {
        self.by_sid.read().unwrap_or_else(PoisonError::into_inner).get(&sid).cloned()
    }

    /// What a client is told of its new session.
    pub(crate) fn greeting(&self, socket: &Socket<H::Data>, transport: TransportType) -> Packet {
        let upgrades = match transport {
            TransportType::Polling if self.config.allowed_transport(TransportType::Websocket) => {
                [TransportType::Websocket].into_iter().collect()
            }
            TransportType::Polling | TransportType::Websocket => smallvec::SmallVec::new(),
        };
        Packet::Open(OpenPacket {
            sid: socket.id,
            upgrades,
            ping_interval: self.config.ping_interval,
            ping_timeout: self.config.ping_timeout,
            max_payload: self.config.max_payload,
        })
    }
}

impl<H: EngineIoHandler> Ends for Sessions<H> {
    /// The only way in which a session ends. Whoever carries its messages still sends what there is, and then the handler is told.
    fn end(&self, sid: Sid, reason: DisconnectReason) {
        let Some(socket) = self.by_sid.write().unwrap_or_else(PoisonError::into_inner).remove(&sid) else { return };
        tracing::debug!(%sid, ?reason, "session ended");
        socket.end();
        let handler = Arc::clone(&self.handler);
        tokio::spawn(async move {
            socket.closed().await;
            handler.on_disconnect(socket, reason);
        });
    }
}

impl<H: EngineIoHandler> std::fmt::Debug for Sessions<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("config", &self.config).finish_non_exhaustive()
    }
}
