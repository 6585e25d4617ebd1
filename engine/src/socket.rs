//! One session, whichever transport it is on.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use bytes::Bytes;
pub use engineioxide_core::Sid;
use engineioxide_core::{ProtocolVersion, Str, TransportType};
use http::request::Parts;
use tokio::sync::{Notify, mpsc::error::TrySendError};

use crate::{
    config::EngineIoConfig,
    outbox::{NotYours, Outbox},
    outgoing::Outgoing,
};

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// The client said goodbye.
    TransportClose,
    /// The client polled twice at once.
    MultipleHttpPollingError,
    /// The client sent what is no packet.
    PacketParsingError,
    /// The connection broke, or the move to another transport did.
    TransportError,
    /// The client answered no ping.
    HeartbeatTimeout,
    /// The server ends.
    ClosingServer,
}

/// Who can end a session by its id.
pub(crate) trait Ends: Send + Sync {
    fn end(&self, sid: Sid, reason: DisconnectReason);
}

/// A session.
pub struct Socket<D> {
    /// Its id.
    pub id: Sid,
    /// The version of Engine.IO that it speaks.
    pub protocol: ProtocolVersion,
    /// What the handler keeps for it.
    pub data: D,
    /// The request that began it.
    pub req_parts: Parts,
    pub(crate) outbox: Outbox,
    pub(crate) reads_binary: bool,
    transport: AtomicU8,
    is_upgrading: AtomicBool,
    has_finished: AtomicBool,
    /// The client gave a sign of life by polling.
    pub(crate) heard: Notify,
    /// It moved to another transport, has ended or has finished, or a carrier of its messages gave up.
    pub(crate) changed: Notify,
    ends: Weak<dyn Ends>,
}

/// The right to send one message, for which there is room.
#[derive(Debug)]
pub struct Permit<'a> {
    outbox: Option<&'a Outbox>,
}

impl Permit<'_> {
    /// Sends a text.
    pub fn emit(self, message: Str) {
        self.keep(Outgoing::Text(message));
    }

    /// Sends bytes.
    pub fn emit_binary(self, data: Bytes) {
        self.keep(Outgoing::Binary(data));
    }

    /// Sends a text and the bytes that belong to it.
    pub fn emit_many(self, message: Str, attachments: VecDeque<Bytes>) {
        self.keep(Outgoing::Attached(Box::new((message, attachments))));
    }

    fn keep(mut self, message: Outgoing) {
        if let Some(outbox) = self.outbox.take() {
            outbox.keep(message);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(outbox) = self.outbox {
            outbox.forgo();
        }
    }
}

/// The right to carry a session's messages, as long as it lives.
pub(crate) struct Carrying<D> {
    pub(crate) socket: Arc<Socket<D>>,
}

impl<D> Drop for Carrying<D> {
    fn drop(&mut self) {
        if self.socket.outbox.yield_up() {
            self.socket.has_finished.store(true, Ordering::SeqCst);
        }
        self.socket.changed.notify_waiters();
    }
}

impl<D: Default> Socket<D> {
    pub(crate) fn new(
        protocol: ProtocolVersion,
        transport: TransportType,
        config: &EngineIoConfig,
        req_parts: Parts,
        reads_binary: bool,
        ends: Weak<dyn Ends>,
    ) -> Self {
        Self {
            id: Sid::new(),
            protocol,
            data: D::default(),
            req_parts,
            outbox: Outbox::new(config.max_buffer_size),
            reads_binary,
            transport: AtomicU8::new(transport as u8),
            is_upgrading: AtomicBool::new(false),
            has_finished: AtomicBool::new(false),
            heard: Notify::new(),
            changed: Notify::new(),
            ends,
        }
    }
}

impl<D> Socket<D> {
    /// The transport that it is on.
    pub fn transport_type(&self) -> TransportType {
        TransportType::from(self.transport.load(Ordering::SeqCst))
    }

    /// A place for one message.
    ///
    /// # Errors
    /// When too much waits for the client, or the session has ended.
    pub fn reserve(&self) -> Result<Permit<'_>, TrySendError<()>> {
        self.outbox.promise().map_err(|refused| refused.with(()))?;
        Ok(Permit { outbox: Some(&self.outbox) })
    }

    /// Sends a text.
    ///
    /// # Errors
    /// The text, when too much waits for the client, or the session has ended.
    pub fn emit(&self, message: impl Into<Str>) -> Result<(), TrySendError<Str>> {
        let message = message.into();
        self.outbox.push(Outgoing::Text(message.clone())).map_err(|refused| refused.with(message))
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The bytes, when too much waits for the client, or the session has ended.
    pub fn emit_binary(&self, data: impl Into<Bytes>) -> Result<(), TrySendError<Bytes>> {
        let data = data.into();
        self.outbox.push(Outgoing::Binary(data.clone())).map_err(|refused| refused.with(data))
    }

    /// Sends a text that is lost if another one comes before it is sent. False when the session has ended.
    pub fn emit_volatile(&self, message: impl Into<Str>) -> bool {
        self.outbox.volatile(Outgoing::Text(message.into()))
    }

    /// Sends bytes that are lost if others come before they are sent. False when the session has ended.
    pub fn emit_binary_volatile(&self, data: impl Into<Bytes>) -> bool {
        self.outbox.volatile(Outgoing::Binary(data.into()))
    }

    /// Sends a text with its bytes, lost if another one comes before they are sent. False when the session has ended.
    pub fn emit_many_volatile(&self, message: Str, attachments: VecDeque<Bytes>) -> bool {
        self.outbox.volatile(Outgoing::Attached(Box::new((message, attachments))))
    }

    /// Ends the session. What waits for the client is still sent.
    pub fn close(&self, reason: DisconnectReason) {
        self.outbox.signal(Outgoing::Close);
        if let Some(ends) = self.ends.upgrade() {
            ends.end(self.id, reason);
        }
    }

    /// Whether the session has ended, so that it takes nothing more.
    pub fn is_closed(&self) -> bool {
        self.outbox.has_ended()
    }

    /// Waits until the session has ended and all that can be sent is sent.
    pub async fn closed(&self) {
        self.until(|| self.has_finished.load(Ordering::SeqCst)).await;
    }

    /// Waits until something is so that [`Self::changed`] tells of.
    pub(crate) async fn until(&self, is_so: impl Fn() -> bool) {
        loop {
            let changed = self.changed.notified();
            if is_so() {
                return;
            }
            changed.await;
        }
    }

    /// Takes nothing more from now on.
    pub(crate) fn end(&self) {
        if self.outbox.end() {
            self.has_finished.store(true, Ordering::SeqCst);
        }
        self.changed.notify_waiters();
    }

    /// The right to carry its messages, if nobody else has it.
    pub(crate) fn carry(self: &Arc<Self>) -> Result<Carrying<D>, NotYours> {
        self.outbox.claim()?;
        Ok(Carrying { socket: Arc::clone(self) })
    }

    pub(crate) fn is_on_websocket(&self) -> bool {
        self.transport.load(Ordering::SeqCst) == TransportType::Websocket as u8
    }

    /// It is about to move. False when it is already.
    pub(crate) fn begin_upgrade(&self) -> bool {
        !self.is_upgrading.swap(true, Ordering::SeqCst)
    }

    pub(crate) fn is_upgrading(&self) -> bool {
        self.is_upgrading.load(Ordering::SeqCst)
    }

    /// It has moved.
    pub(crate) fn upgraded(&self) {
        self.transport.store(TransportType::Websocket as u8, Ordering::SeqCst);
        self.changed.notify_waiters();
    }
}

impl<D> fmt::Debug for Socket<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.id)
            .field("protocol", &self.protocol)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
