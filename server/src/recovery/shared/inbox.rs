//! Takes what comes through the backplane. The end of the stream is kept in memory too: most that read on are not far behind.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, Weak},
    time::Instant,
};

use realtime_backplane::{
    Backplane, Id, Receive,
    codec::{self, Body, fields::Fields, session::Session},
};

use super::{NAMESPACE, Numbers, Peers, Reach, Requests, answers, publications::Publications, words::Word};
use crate::{
    connections::Connections,
    recovery::{
        Limits,
        log::{Deliver, Entry},
        members::Members,
        memory::{Bounds, Store},
        offset::Offset,
        session::{Pid, State},
    },
};

/// Takes what comes.
pub(super) struct Inbox {
    uid: Arc<str>,
    limits: Limits,
    pub(super) members: Arc<Members>,
    pub(super) connections: Arc<Connections>,
    pub(super) peers: Arc<Peers>,
    pub(super) requests: Arc<Requests>,
    numbers: Numbers,
    cache: Mutex<Cache>,
    backplane: OnceLock<Backplane>,
    pub(super) reach: OnceLock<Arc<Reach>>,
    this: Weak<Self>,
}

/// The end of the stream, in memory.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) store: Store,
    /// Before this something is lost.
    pub(super) floor: Offset,
    /// Number of the last entry of this server's own that came back.
    own: u64,
    /// Entries of this server's own that were delivered already, as it was not known whether Redis has them.
    apart: BTreeSet<u64>,
    pub(super) publications: Publications,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("uid", &self.uid).finish_non_exhaustive()
    }
}

pub(super) fn offset(id: Id) -> Offset {
    Offset::new(id.millis, id.number)
}

pub(super) fn id(offset: Offset) -> Id {
    let (millis, number) = offset.parts();
    Id { millis, number }
}

impl Inbox {
    pub(super) fn new(
        uid: Arc<str>,
        limits: Limits,
        (members, connections): (Arc<Members>, Arc<Connections>),
        (peers, requests): (Arc<Peers>, Arc<Requests>),
        numbers: Numbers,
    ) -> Arc<Self> {
        let bounds = Bounds { window: limits.window, bytes: limits.bytes };
        let (floor, own, apart, publications) = Default::default();
        let cache = Mutex::new(Cache { store: Store::new(bounds, 0), floor, own, apart, publications });
        let (backplane, reach) = Default::default();
        Arc::new_cyclic(|this| {
            let this = Weak::clone(this);
            Self { uid, limits, members, connections, peers, requests, numbers, cache, backplane, reach, this }
        })
    }

    pub(super) fn attach(&self, backplane: &Backplane) {
        self.backplane.set(backplane.clone()).ok();
    }

    /// What was handed to those who are here.
    pub(super) fn delivered(&self) -> Offset {
        self.cache().store.bounds().1
    }

    pub(super) fn window(&self) -> std::time::Duration {
        self.limits.window
    }

    fn this(&self) -> Option<Arc<Self>> {
        self.this.upgrade()
    }

    fn unreadable(&self) {
        self.numbers.unreadable.inc();
    }

    pub(super) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().expect("nothing panics under this lock")
    }

    /// The stream did not take an entry of this server's own, or nobody knows. Those who are here get it; false where they have it.
    pub(super) fn deliver_apart(&self, number: u64, entry: &Entry, is_uncertain: bool) -> bool {
        let mut cache = self.cache();
        if number <= cache.own {
            return false;
        }
        if is_uncertain {
            cache.apart.insert(number);
        }
        let flush = self.members.deliver_apart(entry);
        drop(cache);
        drop(flush);
        true
    }

    /// Keeps a session: in Redis, or here while that is away.
    pub(super) async fn store(&self, pid: &Pid, state: State) -> bool {
        let rooms = [state.id.as_str().to_owned()].into_iter();
        let session = Session {
            sid: state.id.to_string(),
            pid: pid.as_str().to_owned(),
            rooms: rooms.chain(state.rooms.iter().map(|(room, _)| room.to_string())).collect(),
            ours: serde_json::to_string(&state).ok(),
        };
        let session = codec::session::encode(&session);
        let stored = match self.backplane.get() {
            Some(backplane) => backplane.store_session(pid.as_str(), &session, self.limits.window).await.is_ok(),
            None => false,
        };
        if !stored {
            self.cache().store.store_session(pid.clone(), state, Instant::now());
        }
        stored
    }

    fn take_entry(&self, offset: Offset, fields: &Fields) {
        let is_own = *fields.uid == *self.uid;
        let message = match fields.nsp.as_str() {
            NAMESPACE => codec::fields::decode(fields),
            _ => return self.advance(&mut self.cache(), offset),
        };
        let body = match message {
            Ok(message) => message.body,
            Err(error) => {
                self.numbers.unreadable.inc();
                tracing::debug!(%error, %offset, "an entry of the stream cannot be read");
                return self.advance(&mut self.cache(), offset);
            }
        };
        let mut cache = self.cache();
        match body {
            Body::Broadcast { packet, filter, request: _ } => {
                if let Some(number) = fields.number.filter(|_| is_own)
                    && cache.is_known(number)
                {
                    self.advance(&mut cache, offset);
                    drop(cache);
                    return self.remove(offset);
                }
                if let Some(publication) = &fields.publication {
                    cache.publications.insert(publication);
                }
                let is_volatile = filter.is_volatile;
                let entry = answers::entry(packet, filter);
                if is_volatile {
                    self.advance(&mut cache, offset);
                    let flush = self.members.send_volatile(&entry);
                    drop(cache);
                    return drop(flush);
                }
                let entry = Arc::new(entry);
                cache.store.insert(offset, Arc::clone(&entry), Instant::now());
                // Under the lock: those who are connected get the events in the order of the offsets.
                let flush = self.members.deliver(offset, &entry);
                drop(cache);
                drop(flush);
            }
            other => {
                self.advance(&mut cache, offset);
                drop(cache);
                if !is_own {
                    self.steer(other);
                }
            }
        }
    }

    /// Something that is no event for clients. They have all up to here: an older place may be gone from the stream when they come back.
    fn advance(&self, cache: &mut Cache, offset: Offset) {
        cache.store.advance(offset);
        self.members.begin(offset);
    }

    /// Nobody who comes back is to get it again.
    fn remove(&self, offset: Offset) {
        let Some(backplane) = self.backplane.get().cloned() else { return };
        tokio::spawn(async move { backplane.remove(id(offset)).await.ok() });
    }
}

impl Cache {
    /// An entry of this server's own came back. True where it was delivered already.
    fn is_known(&mut self, number: u64) -> bool {
        self.own = self.own.max(number);
        let is_known = self.apart.remove(&number);
        self.apart = self.apart.split_off(&number);
        is_known
    }
}

impl Receive for Inbox {
    fn begin(&self, end: Id) {
        let end = offset(end);
        self.cache().store.begin(end);
        self.members.begin(end);
    }

    fn entry(&self, id: Id, fields: &Fields) {
        self.numbers.received.inc();
        self.take_entry(offset(id), fields);
    }

    fn hole(&self, after: Id) {
        let floor = offset(after.next());
        self.numbers.holes.inc();
        {
            let mut cache = self.cache();
            cache.store.begin(floor);
            cache.floor = floor;
            self.members.begin(floor);
        }
        self.members.tell_loss();
    }

    fn message(&self, _: &str, payload: &[u8]) {
        // Ours are JSON objects; a map of MessagePack does not begin like one.
        if payload.first() == Some(&b'{') {
            let Ok(word) = serde_json::from_slice::<Word>(payload) else { return self.unreadable() };
            match word {
                word if *word.uid() == *self.uid => {}
                Word::Wanted { uid, request, pid, owner } => match (Pid::presented(&pid), self.this()) {
                    (Some(pid), Some(inbox)) => drop(tokio::spawn(inbox.surrender(uid, request, pid, owner))),
                    (None, _) | (_, None) => self.peers.surrendered(&uid, request, false),
                },
                Word::Reached { uid, offset } => {
                    if let Some(reach) = self.reach.get() {
                        tokio::spawn(Arc::clone(reach).answer(uid, offset));
                    }
                }
                Word::There { uid, offset } => {
                    if let Some(reach) = self.reach.get() {
                        reach.hear(uid, offset);
                    }
                }
                word => self.peers.hear(word),
            }
            return;
        }
        match codec::channel::decode(payload) {
            Ok(message) if *message.uid == *self.uid || message.nsp != NAMESPACE => {}
            Ok(message) => self.take_message(message.uid, message.body),
            Err(error) => {
                tracing::debug!(%error, "a message of a channel cannot be read");
                self.unreadable();
            }
        }
    }

    fn connected(&self) {
        self.peers.connected();
    }
}
