//! The other replicas, and how many clients they have in which room. Each tells the others of changes; one that missed some notices by the
//! number of the next and asks for all.

mod fleet;
mod sessions;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, atomic::AtomicU64},
    time::{Duration, Instant},
};

use realtime_backplane::Backplane;
use tokio::{
    sync::{oneshot, watch},
    time,
};

use super::{Channels, words::Word};
pub use fleet::{Fleet, Other};

const BEAT: Duration = Duration::from_secs(5);
/// A replica that has not been heard of for so long is gone.
const SILENCE: Duration = Duration::from_secs(16);

/// Hears of rooms in which other replicas' clients come and go.
type Changed = Box<dyn Fn(Vec<String>) + Send + Sync>;

/// The other replicas.
pub struct Peers {
    uid: Arc<str>,
    channels: Channels,
    backplane: OnceLock<Backplane>,
    inner: Mutex<Inner>,
    changed: OnceLock<Changed>,
    /// A replica came, begins to go, or is gone.
    fleet: watch::Sender<()>,
    request: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    number: u64,
    clients: usize,
    goes: bool,
    rooms: HashMap<String, usize>,
    others: HashMap<String, Peer>,
    wanted: HashMap<u64, Wanted>,
}

#[derive(Debug)]
struct Peer {
    number: u64,
    heard: Instant,
    clients: usize,
    goes: bool,
    rooms: HashMap<String, usize>,
}

/// A session that was asked for.
#[derive(Debug)]
struct Wanted {
    missing: HashSet<String>,
    found: oneshot::Sender<()>,
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").field("uid", &self.uid).finish_non_exhaustive()
    }
}

impl Peers {
    pub(super) fn new(uid: Arc<str>, channels: Channels) -> Self {
        let (backplane, inner, changed, fleet, request) = Default::default();
        Self { uid, channels, backplane, inner, changed, fleet, request }
    }

    pub(super) fn attach(&self, backplane: &Backplane) {
        self.backplane.set(backplane.clone()).ok();
    }

    /// Has rooms named in which other replicas' clients come and go.
    pub fn on_change(&self, changed: impl Fn(Vec<String>) + Send + Sync + 'static) {
        self.changed.set(Box::new(changed)).ok();
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().others.len()
    }

    /// Who they are.
    pub(super) fn names(&self) -> Vec<String> {
        self.lock().others.keys().cloned().collect()
    }

    /// Says something to all of them.
    pub(super) fn tell_all(&self, word: &Word) {
        self.say(&self.channels.ours, word);
    }

    /// Says something to one of them.
    pub(super) fn tell_one(&self, uid: &str, word: &Word) {
        self.say(&self.channels.ours_of(uid), word);
    }

    /// Clients that others have in a room, or at all.
    #[must_use]
    pub fn clients(&self, room: Option<&str>) -> usize {
        let inner = self.lock();
        let count = |peer: &Peer| room.map_or(peer.clients, |room| peer.rooms.get(room).copied().unwrap_or_default());
        inner.others.values().map(count).sum()
    }

    /// Tells the others how many clients this replica has now, where that changed.
    pub fn tell(&self, clients: usize, rooms: impl IntoIterator<Item = (String, usize)>) {
        let mut inner = self.lock();
        let mut news = HashMap::new();
        for (room, count) in rooms {
            let before = match count {
                0 => inner.rooms.remove(&room),
                count => inner.rooms.insert(room.clone(), count),
            };
            if before.unwrap_or_default() != count {
                news.insert(room, count);
            }
        }
        if news.is_empty() && inner.clients == clients {
            return;
        }
        inner.clients = clients;
        inner.number += 1;
        let uid = self.uid.to_string();
        let (number, goes) = (inner.number, inner.goes);
        let word = Word::Counts { uid, number, clients, rooms: news, is_all: false, goes };
        self.say(&self.channels.ours, &word);
    }

    /// The connection is there: whoever is there too is to know, and to tell.
    pub(super) fn connected(&self) {
        self.say(&self.channels.ours, &self.all());
        self.say(&self.channels.ours, &Word::Ask { uid: self.uid.to_string() });
    }

    /// Tells every now and then that this replica is there, and looks who is not.
    pub(super) async fn beat(self: Arc<Self>) {
        let mut ticks = time::interval(BEAT);
        loop {
            ticks.tick().await;
            self.say_beat();
            let gone: Vec<String> = {
                let inner = self.lock();
                let is_gone = |(_, peer): &(&String, &Peer)| peer.heard.elapsed() > SILENCE;
                inner.others.iter().filter(is_gone).map(|(uid, _)| uid.clone()).collect()
            };
            gone.iter().for_each(|uid| self.remove(uid));
        }
    }

    /// This replica goes.
    pub fn leave(&self) {
        self.say(&self.channels.ours, &Word::Bye { uid: self.uid.to_string() });
    }

    /// What another replica says of itself.
    pub(super) fn hear(&self, word: Word) {
        match word {
            Word::Beat { uid, number, goes } => {
                let mut inner = self.lock();
                match inner.others.get_mut(&uid) {
                    Some(peer) if peer.number == number => {
                        peer.heard = Instant::now();
                        if std::mem::replace(&mut peer.goes, goes) != goes {
                            self.fleet.send_replace(());
                        }
                    }
                    Some(_) | None => self.ask(&uid),
                }
            }
            word @ Word::Counts { .. } => self.count_in(word),
            Word::Ask { uid } => self.say(&self.channels.ours_of(&uid), &self.all()),
            Word::Bye { uid } => self.remove(&uid),
            Word::Surrendered { uid, request, is_stored } => {
                let mut inner = self.lock();
                let Some(wanted) = inner.wanted.get_mut(&request) else { return };
                wanted.missing.remove(&uid);
                if (is_stored || wanted.missing.is_empty())
                    && let Some(wanted) = inner.wanted.remove(&request)
                {
                    wanted.found.send(()).ok();
                }
            }
            Word::Wanted { .. } | Word::Reached { .. } | Word::There { .. } => unreachable!("the inbox takes it"),
        }
    }

    fn count_in(&self, word: Word) {
        let Word::Counts { uid, number, clients, rooms, is_all, goes } = word else { return };
        let (changed, is_news) = {
            let mut inner = self.lock();
            let is_new = !inner.others.contains_key(&uid);
            let peer = inner.others.entry(uid.clone()).or_insert_with(|| Peer {
                number: 0,
                heard: Instant::now(),
                clients: 0,
                goes: false,
                rooms: HashMap::new(),
            });
            if is_all && peer.number > number {
                return;
            }
            let has_missed = !is_all && peer.number + 1 != number;
            (peer.number, peer.heard, peer.clients) = (number, Instant::now(), clients);
            let is_news = std::mem::replace(&mut peer.goes, goes) != goes || is_new;
            let mut changed: Vec<String> = rooms.keys().cloned().collect();
            if is_all {
                changed.extend(peer.rooms.keys().cloned());
                peer.rooms = rooms;
            } else {
                peer.rooms.extend(rooms);
                peer.rooms.retain(|_, count| *count > 0);
            }
            if has_missed {
                self.ask(&uid);
            }
            (changed, is_news)
        };
        if is_news {
            self.fleet.send_replace(());
        }
        self.changed(changed);
    }

    fn remove(&self, uid: &str) {
        let gone = self.lock().others.remove(uid);
        if let Some(peer) = gone {
            self.fleet.send_replace(());
            self.changed(peer.rooms.into_keys().collect());
        }
    }

    /// Clients of this replica came to rooms or went, because others want it.
    pub(super) fn touch(&self, rooms: Vec<String>) {
        self.changed(rooms);
    }

    fn changed(&self, rooms: Vec<String>) {
        if let Some(changed) = self.changed.get().filter(|_| !rooms.is_empty()) {
            changed(rooms);
        }
    }

    /// This replica is there.
    fn say_beat(&self) {
        let Inner { number, goes, .. } = *self.lock();
        self.say(&self.channels.ours, &Word::Beat { uid: self.uid.to_string(), number, goes });
    }

    fn all(&self) -> Word {
        let inner = self.lock();
        let uid = self.uid.to_string();
        let (number, clients, rooms, goes) = (inner.number, inner.clients, inner.rooms.clone(), inner.goes);
        Word::Counts { uid, number, clients, rooms, is_all: true, goes }
    }

    fn ask(&self, uid: &str) {
        self.say(&self.channels.ours_of(uid), &Word::Ask { uid: self.uid.to_string() });
    }

    fn say(&self, channel: &str, word: &Word) {
        if let Some(backplane) = self.backplane.get() {
            backplane.publish(channel.to_owned(), word.bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nothing panics under this lock")
    }
}
