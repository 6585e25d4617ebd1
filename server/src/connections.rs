//! Every open session: whose page opened it, how old it may become, and how to close it.

mod leaving;
mod polling;
mod tickets;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use realtime_crds::v1alpha1::Transport;
use socketioxide::socket::Sid;
use tokio_util::task::TaskTracker;

use crate::{
    denied::SentOrigin,
    farewell::{Cause, Farewell},
    lifetime::ages::Ages,
    line::Line,
    metrics::{self, Metrics},
    overload::{Limits, Place},
};
pub use polling::{Poll, PollGuard};
pub use tickets::{PollingTicket, Ticket};

/// Every open session.
#[derive(Debug)]
pub struct Connections {
    open: Mutex<Open>,
    metrics: Arc<Metrics>,
    limits: Arc<Limits>,
    /// How old WebSockets may become.
    pub ages: Ages,
    /// Closing handshakes on their way.
    pub goodbyes: TaskTracker,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// Sessions that began with polling; those of them that moved on to a WebSocket have its number.
    polling: HashMap<Sid, PollingSession>,
    websockets: HashMap<u64, WebSocket>,
    /// Sessions that began with a WebSocket.
    numbers: HashMap<Sid, u64>,
    /// When each WebSocket has to leave at the latest, and its number; those that are leaving are not among them.
    dues: BTreeSet<(Instant, u64)>,
}

#[derive(Debug)]
struct PollingSession {
    origin: Arc<SentOrigin>,
    facts: Facts,
    poll: Arc<Poll>,
    websocket: Option<u64>,
    /// Why its WebSocket ended.
    ended: Option<Cause>,
    /// It was taken out to make it leave.
    is_taken: bool,
    _place: Place,
}

#[derive(Debug)]
struct WebSocket {
    origin: Arc<SentOrigin>,
    facts: Facts,
    sid: Option<Sid>,
    line: Arc<Line>,
    /// When it has to leave at the latest.
    due: Instant,
    _place: Option<Place>,
}

/// What the numbers of a session are kept by.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Version of Engine.IO.
    pub eio: u8,
    /// When it began.
    pub opened: Instant,
}

impl Facts {
    /// Of a session that begins now.
    #[must_use]
    pub fn now(eio: u8) -> Self {
        Self { eio, opened: Instant::now() }
    }
}

/// How to close one session.
#[derive(Clone, Debug)]
pub enum Handle {
    /// It polls.
    Polling(Sid, Arc<Poll>),
    /// It has a WebSocket.
    WebSocket(Arc<Line>),
}

/// What became of an attempt to open a WebSocket for a session.
#[derive(Debug)]
pub enum Opened {
    /// It is registered for as long as the ticket lives.
    Yes(Box<Ticket>),
    /// There is no such polling session here.
    UnknownSession,
    /// The session has one already.
    Taken,
}

/// Whose WebSocket it is to be.
#[derive(Debug)]
pub enum Claim {
    /// One of its own.
    New(Place),
    /// That of a session that began with polling.
    Of(Sid),
}

impl Connections {
    /// None yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, limits: Arc<Limits>, ages: Ages) -> Self {
        Self { open: Mutex::default(), metrics, limits, ages, goodbyes: TaskTracker::new() }
    }

    /// Number of sessions.
    #[must_use]
    pub fn count(&self) -> usize {
        let open = self.lock();
        open.polling.len() + open.websockets.values().filter(|websocket| websocket.sid.is_none()).count()
    }

    /// Number of sessions that are leaving.
    #[must_use]
    pub fn moving(&self) -> usize {
        let open = self.lock();
        let polls = open.polling.values().filter(|session| session.websocket.is_none() && session.poll.is_departing());
        polls.count() + open.websockets.values().filter(|websocket| websocket.line.is_departing()).count()
    }

    /// A WebSocket that opens a session, or takes over one.
    #[must_use]
    pub fn open_websocket(self: &Arc<Self>, origin: Arc<SentOrigin>, eio: u8, claim: Claim) -> Opened {
        let line = Arc::new(Line::default());
        let mut open = self.lock();
        let number = open.next;
        let (sid, place) = match claim {
            Claim::New(place) => (None, Some(place)),
            Claim::Of(sid) => {
                match open.polling.get_mut(&sid) {
                    None => return Opened::UnknownSession,
                    // It is told so at its next poll.
                    Some(session) if session.poll.is_departing() => return Opened::UnknownSession,
                    Some(session) if session.websocket.is_some() => return Opened::Taken,
                    Some(session) => session.websocket = Some(number),
                }
                self.gauge(Transport::Polling, eio).dec();
                (Some(sid), None)
            }
        };
        open.next += 1;
        let facts = Facts::now(eio);
        let due = self.ages.due(facts.opened);
        let websocket = WebSocket { origin, facts, sid, line: Arc::clone(&line), due, _place: place };
        open.websockets.insert(number, websocket);
        open.dues.insert((due, number));
        drop(open);
        self.gauge(Transport::Websocket, eio).inc();
        if let Some(sid) = sid {
            line.identify(sid);
        }
        Opened::Yes(Box::new(Ticket::new(Arc::clone(self), number, eio, sid, line)))
    }

    /// The session, if it polls, as far as is known here.
    #[must_use]
    pub fn poll(&self, sid: &Sid) -> Option<Arc<Poll>> {
        let open = self.lock();
        open.polling.get(sid).filter(|session| session.websocket.is_none()).map(|session| Arc::clone(&session.poll))
    }

    /// The engine has closed this polling session. It drops what the ticket hangs on only when its own timers have run out.
    pub fn forget(&self, sid: &Sid) {
        let mut open = self.lock();
        if open.polling.get(sid).is_some_and(|session| session.websocket.is_none()) {
            let session = open.polling.remove(sid).expect("it was there just now");
            drop(open);
            self.polling_ended(&session);
        }
    }

    /// Ends a session, whatever its transport; false when there is none. A polling one ends at its next poll.
    pub fn cut(&self, sid: Sid, farewell: Farewell) -> bool {
        match self.handle(sid) {
            Some(Handle::WebSocket(line)) => line.cut(farewell),
            Some(Handle::Polling(_, poll)) => poll.refuse(farewell),
            None => return false,
        }
        true
    }

    /// Why a session ends, if the server had a part in it.
    #[must_use]
    pub fn cause_of(&self, sid: Sid) -> Option<Cause> {
        match self.handle(sid)? {
            Handle::WebSocket(line) => line.cause(),
            Handle::Polling(_, poll) => poll.cause(),
        }
    }

    /// How to close a session.
    #[must_use]
    pub fn handle(&self, sid: Sid) -> Option<Handle> {
        let open = self.lock();
        let number = match open.polling.get(&sid) {
            Some(PollingSession { websocket: None, poll, .. }) => return Some(Handle::Polling(sid, Arc::clone(poll))),
            Some(PollingSession { websocket: Some(number), .. }) => number,
            None => open.numbers.get(&sid)?,
        };
        open.websockets.get(number).map(|websocket| Handle::WebSocket(Arc::clone(&websocket.line)))
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
                handles.push(upgraded.map_or(Handle::Polling(*sid, Arc::clone(&session.poll)), line));
            }
        }
        for websocket in open.websockets.values() {
            if websocket.sid.is_none() && !kept(&websocket.origin) {
                handles.push(Handle::WebSocket(Arc::clone(&websocket.line)));
            }
        }
        handles
    }

    fn gauge(&self, transport: Transport, eio: u8) -> prometheus_client::metrics::gauge::Gauge {
        self.metrics.connections.get_or_create_owned(&metrics::Kind { transport: transport.as_str(), eio })
    }

    fn polling_ended(&self, session: &PollingSession) {
        self.gauge(Transport::Polling, session.facts.eio).dec();
        match session.ended {
            Some(cause) => self.ended(Transport::Websocket, session.facts, cause),
            None => self.ended(Transport::Polling, session.facts, session.poll.cause().unwrap_or(Cause::PingTimeout)),
        }
    }

    fn ended(&self, transport: Transport, facts: Facts, cause: Cause) {
        let transport = transport.as_str();
        self.metrics.closed.get_or_create(&metrics::Closed { cause: cause.as_str(), transport }).inc();
        let seconds = facts.opened.elapsed().as_secs_f64();
        self.metrics.durations.get_or_create(&metrics::Transport { transport }).observe(seconds);
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().expect("nothing panics under this lock")
    }
}

/// Waits until no session is left, at most so long; how many are.
pub async fn emptied(connections: &Connections, limit: Duration) -> usize {
    let deadline = tokio::time::Instant::now() + limit;
    loop {
        let count = connections.count();
        if count == 0 || tokio::time::Instant::now() >= deadline {
            return count;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
