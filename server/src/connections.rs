//! Every open session: whose page opened it, and how to close it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use socketioxide::socket::Sid;
use tokio_util::task::TaskTracker;

use crate::{
    denied::SentOrigin,
    line::{Farewell, Line},
    metrics::{Metrics, Transport},
};

/// Every open session.
#[derive(Debug)]
pub struct Connections {
    open: Mutex<Open>,
    metrics: Arc<Metrics>,
    /// Closing handshakes on their way.
    pub goodbyes: TaskTracker,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// Sessions that began with polling; those of them that moved on to a WebSocket have its number.
    polling: HashMap<Sid, PollingSession>,
    websockets: HashMap<u64, WebSocket>,
}

#[derive(Debug)]
struct PollingSession {
    origin: Arc<SentOrigin>,
    websocket: Option<u64>,
}

#[derive(Debug)]
struct WebSocket {
    origin: Arc<SentOrigin>,
    sid: Option<Sid>,
    line: Arc<Line>,
}

/// How to close one session.
#[derive(Clone, Debug)]
pub enum Handle {
    /// Ask the engine.
    Polling(Sid),
    /// Say goodbye on the wire.
    WebSocket(Arc<Line>),
}

/// What became of an attempt to open a WebSocket for a session.
#[derive(Debug)]
pub enum Opened {
    /// It is registered for as long as the ticket lives.
    Yes(Ticket),
    /// There is no such polling session here.
    UnknownSession,
    /// The session has one already.
    Taken,
}

/// Keeps a WebSocket registered.
#[derive(Debug)]
pub struct Ticket {
    connections: Arc<Connections>,
    number: u64,
    /// Session that the WebSocket takes over from polling.
    pub sid: Option<Sid>,
    /// Its kill switch.
    pub line: Arc<Line>,
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
    /// None yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { open: Mutex::default(), metrics, goodbyes: TaskTracker::new() }
    }

    /// Number of sessions.
    #[must_use]
    pub fn count(&self) -> usize {
        let open = self.lock();
        open.polling.len() + open.websockets.values().filter(|websocket| websocket.sid.is_none()).count()
    }

    /// A ticket for a handshake by polling.
    #[must_use]
    pub fn polling_ticket(self: &Arc<Self>) -> Arc<PollingTicket> {
        Arc::new(PollingTicket { connections: Arc::clone(self), sid: OnceLock::new() })
    }

    /// A WebSocket that opens a session, or takes over the one of `sid`.
    #[must_use]
    pub fn open_websocket(self: &Arc<Self>, origin: Arc<SentOrigin>, sid: Option<Sid>) -> Opened {
        let line = Arc::new(Line::default());
        let mut open = self.lock();
        let number = open.next;
        if let Some(sid) = &sid {
            match open.polling.get_mut(sid) {
                None => return Opened::UnknownSession,
                Some(session) if session.websocket.is_some() => return Opened::Taken,
                Some(session) => session.websocket = Some(number),
            }
            self.gauge("polling").dec();
        }
        open.next += 1;
        open.websockets.insert(number, WebSocket { origin, sid, line: Arc::clone(&line) });
        self.gauge("websocket").inc();
        Opened::Yes(Ticket { connections: Arc::clone(self), number, sid, line, ended: None })
    }

    /// Whether the session polls, as far as is known here.
    #[must_use]
    pub fn polls(&self, sid: &Sid) -> bool {
        self.lock().polling.get(sid).is_some_and(|session| session.websocket.is_none())
    }

    /// The engine has closed this polling session. It drops what the ticket hangs on only when its own timers have run out.
    pub fn forget(&self, sid: &Sid) {
        let mut open = self.lock();
        if open.polling.get(sid).is_some_and(|session| session.websocket.is_none()) {
            open.polling.remove(sid);
            self.gauge("polling").dec();
        }
    }

    /// Handles of all sessions whose origin is not `kept`.
    pub fn select(&self, kept: impl Fn(&SentOrigin) -> bool) -> Vec<Handle> {
        let open = self.lock();
        let mut handles = Vec::new();
        for (sid, session) in &open.polling {
            // The handshake and the upgrade are two requests, and may have come from two origins.
            let upgraded = session.websocket.and_then(|number| open.websockets.get(&number));
            if !kept(&session.origin) || upgraded.is_some_and(|websocket| !kept(&websocket.origin)) {
                let line = |websocket: &WebSocket| Handle::WebSocket(Arc::clone(&websocket.line));
                handles.push(upgraded.map_or(Handle::Polling(*sid), line));
            }
        }
        for websocket in open.websockets.values() {
            if websocket.sid.is_none() && !kept(&websocket.origin) {
                handles.push(Handle::WebSocket(Arc::clone(&websocket.line)));
            }
        }
        handles
    }

    fn gauge(&self, transport: &'static str) -> prometheus_client::metrics::gauge::Gauge {
        self.metrics.connections.get_or_create_owned(&Transport { transport })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().expect("nothing panics under this lock")
    }
}

impl PollingTicket {
    /// The engine opened the session.
    pub fn opened(&self, sid: Sid, origin: Arc<SentOrigin>) {
        if self.sid.set(sid).is_ok() {
            self.connections.lock().polling.insert(sid, PollingSession { origin, websocket: None });
            self.connections.gauge("polling").inc();
        }
    }
}

impl Drop for PollingTicket {
    fn drop(&mut self) {
        let Some(sid) = self.sid.get() else { return };
        let removed = self.connections.lock().polling.remove(sid);
        if removed.is_some_and(|session| session.websocket.is_none()) {
            self.connections.gauge("polling").dec();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.websockets.remove(&self.number);
        self.connections.gauge("websocket").dec();
        if let Some(session) = self.sid.as_ref().and_then(|sid| open.polling.get_mut(sid)) {
            session.websocket = None;
            self.connections.gauge("polling").inc();
        }
        drop(open);
        if let (Some(sid), Some(ended)) = (self.sid, self.ended.take()) {
            ended.0(sid);
        }
    }
}

impl Ticket {
    /// What happens to the session that the WebSocket took over, when the WebSocket ends.
    pub fn when_ended(&mut self, ended: impl FnOnce(Sid) + Send + 'static) {
        self.ended = Some(Ended(Box::new(ended)));
    }

    /// Where closing handshakes are awaited.
    #[must_use]
    pub fn goodbyes(&self) -> &TaskTracker {
        &self.connections.goodbyes
    }
}

impl Handle {
    /// Says goodbye if it is a WebSocket; else names the session that the engine has to close.
    #[must_use]
    pub fn cut(&self, farewell: Farewell) -> Option<Sid> {
        match self {
            Self::Polling(sid) => Some(*sid),
            Self::WebSocket(line) => {
                line.cut(farewell);
                None
            }
        }
    }
}
