//! How far the replicas have come in the stream: what tells a publisher how many of them have its event.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, Weak},
    time::Duration,
};

use realtime_backplane::Id;
use tokio::{
    sync::watch,
    time::{self, Instant},
};

use super::{
    Peers,
    inbox::{Inbox, offset},
    words::Word,
};
use crate::recovery::offset::Offset;

/// How long a replica may take to come to a place.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often one that is asked looks where it is.
const LOOK: Duration = Duration::from_millis(1);

/// How many replicas have handed an event to their clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Took {
    /// So many, this one included.
    pub pods: usize,
    /// So many are there too and have not said so yet.
    pub missing: usize,
}

/// How far the replicas have come.
pub struct Reach {
    uid: Arc<str>,
    peers: Arc<Peers>,
    inbox: OnceLock<Weak<Inbox>>,
    inner: Mutex<Inner>,
    /// Somebody said how far it is.
    heard: watch::Sender<()>,
    /// The farthest place that somebody here wants to know of.
    wanted: watch::Sender<Offset>,
}

#[derive(Debug, Default)]
struct Inner {
    reached: HashMap<String, Offset>,
    /// Those that did not answer last time are not waited for until they say something.
    silent: HashSet<String>,
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach").field("uid", &self.uid).finish_non_exhaustive()
    }
}

impl Reach {
    pub(super) fn new(uid: Arc<str>, peers: Arc<Peers>) -> Self {
        let (heard, wanted) = (watch::Sender::new(()), watch::Sender::new(Offset::default()));
        Self { uid, peers, inbox: OnceLock::new(), inner: Mutex::default(), heard, wanted }
    }

    pub(super) fn attach(&self, inbox: &Arc<Inbox>) {
        self.inbox.set(Arc::downgrade(inbox)).ok();
    }

    /// How many replicas have handed an entry to their clients, as soon as all have or a second is over.
    pub async fn took(&self, id: Id) -> Took {
        let place = offset(id);
        let deadline = Instant::now() + PATIENCE;
        self.wanted.send_if_modified(|wanted| {
            let is_farther = place > *wanted;
            *wanted = (*wanted).max(place);
            is_farther
        });
        let mut heard = self.heard.subscribe();
        let own = async {
            while self.here() < place {
                time::sleep(LOOK).await;
            }
        };
        let has_own = time::timeout_at(deadline, own).await.is_ok();
        while !self.waits_for(place).is_empty() {
            if time::timeout_at(deadline, heard.changed()).await.is_err() {
                let late = self.waits_for(place);
                self.lock().silent.extend(late);
            }
        }
        let others = self.peers.names();
        let inner = self.lock();
        let there = others.iter().filter(|uid| inner.has(uid, place)).count() + usize::from(has_own);
        Took { pods: there, missing: others.len() + 1 - there }
    }

    /// Asks the others how far they are, one question at a time for all who want to know.
    pub(super) async fn ask(self: Arc<Self>) {
        let mut wanted = self.wanted.subscribe();
        let mut heard = self.heard.subscribe();
        while wanted.changed().await.is_ok() {
            let place = *wanted.borrow_and_update();
            let others: HashSet<String> = self.peers.names().into_iter().collect();
            {
                let mut inner = self.lock();
                inner.reached.retain(|uid, _| others.contains(uid));
                inner.silent.retain(|uid| others.contains(uid));
            }
            if others.is_empty() {
                continue;
            }
            self.peers.tell_all(&Word::Reached { uid: self.uid.to_string(), offset: place });
            let deadline = Instant::now() + PATIENCE;
            while !self.waits_for(place).is_empty() {
                if time::timeout_at(deadline, heard.changed()).await.is_err() {
                    break;
                }
            }
        }
    }

    /// Answers another replica as soon as this one is there.
    pub(super) async fn answer(self: Arc<Self>, to: String, place: Offset) {
        let deadline = Instant::now() + PATIENCE;
        while self.here() < place && Instant::now() < deadline {
            time::sleep(LOOK).await;
        }
        self.peers.tell_one(&to, &Word::There { uid: self.uid.to_string(), offset: self.here() });
    }

    /// Another replica is there.
    pub(super) fn hear(&self, uid: String, place: Offset) {
        let mut inner = self.lock();
        inner.silent.remove(&uid);
        let reached = inner.reached.entry(uid).or_default();
        *reached = (*reached).max(place);
        drop(inner);
        self.heard.send_replace(());
    }

    /// What was handed to the clients of this replica.
    fn here(&self) -> Offset {
        self.inbox.get().and_then(Weak::upgrade).map_or_else(Offset::default, |inbox| inbox.delivered())
    }

    fn waits_for(&self, place: Offset) -> Vec<String> {
        let others = self.peers.names();
        let inner = self.lock();
        others.into_iter().filter(|uid| !inner.has(uid, place) && !inner.silent.contains(uid)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nothing panics under this lock")
    }
}

impl Inner {
    fn has(&self, uid: &str, place: Offset) -> bool {
        self.reached.get(uid).is_some_and(|reached| *reached >= place)
    }
}
