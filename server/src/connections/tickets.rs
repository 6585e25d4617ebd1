//! What keeps a session registered.

use std::sync::{Arc, OnceLock};

use realtime_crds::v1alpha1::Transport;
use socketioxide::socket::Sid;
use tokio_util::task::TaskTracker;

use super::{Connections, Facts, Poll, PollingSession};
use crate::{
    denied::SentOrigin,
    farewell::Cause,
    line::Line,
    metrics::Traffic,
    overload::{Limits, Place},
};

/// Keeps a WebSocket registered.
#[derive(Debug)]
pub struct Ticket {
    connections: Arc<Connections>,
    number: u64,
    eio: u8,
    /// Session that the WebSocket takes over from polling.
    pub sid: Option<Sid>,
    /// Its kill switch.
    pub line: Arc<Line>,
    cause: OnceLock<Cause>,
    ended: Option<Ended>,
}

struct Ended(Box<dyn FnOnce(Sid) + Send>);

impl std::fmt::Debug for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ended")
    }
}

/// Travels with the handshake of a polling session in the extensions that the engine keeps as long as the session: the
/// engine has no other way to say that one ended.
#[derive(Debug)]
pub struct PollingTicket {
    connections: Arc<Connections>,
    sid: OnceLock<Sid>,
}

impl Connections {
    /// A ticket for a handshake by polling.
    #[must_use]
    pub fn polling_ticket(self: &Arc<Self>) -> Arc<PollingTicket> {
        Arc::new(PollingTicket { connections: Arc::clone(self), sid: OnceLock::new() })
    }
}

impl PollingTicket {
    /// The engine opened the session.
    pub fn opened(&self, sid: Sid, eio: u8, origin: Arc<SentOrigin>, place: Place) {
        if self.sid.set(sid).is_err() {
            return;
        }
        let poll = Arc::new(Poll::new(eio, &self.connections.limits));
        let facts = Facts::now(eio);
        let session =
            PollingSession { origin, facts, poll, websocket: None, ended: None, is_taken: false, _place: place };
        self.connections.lock().polling.insert(sid, session);
        self.connections.gauge(Transport::Polling, eio).inc();
    }
}

impl Drop for PollingTicket {
    fn drop(&mut self) {
        let Some(sid) = self.sid.get() else { return };
        let mut open = self.connections.lock();
        // One that has a WebSocket ends with it.
        if open.polling.get(sid).is_some_and(|session| session.websocket.is_none()) {
            let session = open.polling.remove(sid).expect("it was there just now");
            drop(open);
            self.connections.polling_ended(&session);
        }
    }
}

impl Ticket {
    pub(super) fn new(connections: Arc<Connections>, number: u64, eio: u8, sid: Option<Sid>, line: Arc<Line>) -> Self {
        Self { connections, number, eio, sid, line, cause: OnceLock::new(), ended: None }
    }

    /// What happens to the session that the WebSocket took over, when the WebSocket ends.
    pub fn when_ended(&mut self, ended: impl FnOnce(Sid) + Send + 'static) {
        self.ended = Some(Ended(Box::new(ended)));
    }

    /// Where closing handshakes are awaited.
    #[must_use]
    pub fn goodbyes(&self) -> &TaskTracker {
        &self.connections.goodbyes
    }

    /// Version of Engine.IO.
    #[must_use]
    pub const fn eio(&self) -> u8 {
        self.eio
    }

    /// What the connection has to keep to.
    #[must_use]
    pub fn limits(&self) -> Arc<Limits> {
        Arc::clone(&self.connections.limits)
    }

    /// Where its messages are counted.
    #[must_use]
    pub fn traffic(&self) -> Arc<Traffic> {
        self.connections.metrics.traffic(Transport::Websocket)
    }

    /// The engine has given the session its id.
    pub fn identify(&self, sid: Sid) {
        self.line.identify(sid);
        if self.sid.is_none() {
            self.connections.lock().numbers.insert(sid, self.number);
        }
    }

    /// Why the connection ends.
    pub fn because(&self, cause: Cause) {
        self.cause.set(cause).ok();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // One that ends before there was a wire never became a connection.
        let cause = self.cause.get().copied().or(self.line.cause()).unwrap_or(Cause::UpgradeFailed);
        let mut open = self.connections.lock();
        let websocket = open.websockets.remove(&self.number);
        if let Some(websocket) = &websocket {
            open.dues.remove(&(websocket.due, self.number));
        }
        if let (None, Some(sid)) = (self.sid, self.line.sid()) {
            open.numbers.remove(&sid);
        }
        if let Some(session) = self.sid.as_ref().and_then(|sid| open.polling.get_mut(sid)) {
            session.websocket = None;
            session.ended = Some(cause);
            self.connections.gauge(Transport::Polling, session.facts.eio).inc();
        }
        drop(open);
        self.connections.gauge(Transport::Websocket, self.eio).dec();
        if let (Some(websocket), None) = (websocket, self.sid) {
            self.connections.ended(Transport::Websocket, websocket.facts, cause);
        }
        self.line.over();
        if let (Some(sid), Some(ended)) = (self.sid, self.ended.take()) {
            ended.0(sid);
        }
    }
}
