//! The log of one replica: in its memory, bounded in time and bytes. When either runs out, what is oldest goes first, be it an event
//! or a session.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant, SystemTime},
};

use futures::{FutureExt, future::BoxFuture};

use super::{
    log::{Deliver, Entry, Log, LogError, Page, Usage},
    offset::Offset,
    session::{Owner, Pid, State},
};

/// What it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How long.
    pub window: Duration,
    /// How much, events and sessions together.
    pub bytes: usize,
}

/// The log of one replica.
#[derive(Debug)]
pub struct MemoryLog {
    store: Mutex<Store>,
    deliver: Arc<dyn Deliver>,
}

impl MemoryLog {
    /// Nothing yet.
    #[must_use]
    pub fn new(bounds: Bounds, deliver: Arc<dyn Deliver>) -> Self {
        let store = Store::new(bounds, millis());
        deliver.begin(store.last);
        Self { store: Mutex::new(store), deliver }
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().expect("nothing panics under this lock")
    }
}

impl Log for MemoryLog {
    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<Offset, LogError>> {
        let entry = Arc::new(entry);
        let mut store = self.lock();
        let offset = store.append(Arc::clone(&entry), Instant::now(), millis());
        // Under the lock: those who are connected get the events in the order of the offsets.
        let flush = self.deliver.deliver(offset, &entry);
        drop(store);
        drop(flush);
        futures::future::ready(Ok(offset)).boxed()
    }

    fn since(&self, after: Offset, most: usize) -> BoxFuture<'_, Result<Page, LogError>> {
        futures::future::ready(self.lock().since(after, most)).boxed()
    }

    fn store_session(&self, pid: &Pid, state: State) -> BoxFuture<'_, Result<(), LogError>> {
        self.lock().store_session(pid.clone(), state, Instant::now());
        futures::future::ready(Ok(())).boxed()
    }

    fn take_session(&self, pid: &Pid, _: &Owner) -> BoxFuture<'_, Result<Option<State>, LogError>> {
        futures::future::ready(Ok(self.lock().take_session(pid, Instant::now()))).boxed()
    }

    fn sweep(&self) -> BoxFuture<'_, ()> {
        self.lock().sweep(Instant::now());
        futures::future::ready(()).boxed()
    }

    fn usage(&self) -> Usage {
        self.lock().usage()
    }
}

/// What the log holds, at times that are given.
#[derive(Debug)]
pub struct Store {
    bounds: Bounds,
    entries: VecDeque<Kept>,
    /// The newest one that is gone; in the beginning, where the log begins.
    gone: Offset,
    last: Offset,
    sessions: HashMap<Pid, Away>,
    /// Sessions in the order in which their clients went.
    departures: BTreeMap<u64, (Instant, Pid)>,
    departed: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    offset: Offset,
    at: Instant,
    size: usize,
    entry: Arc<Entry>,
}

#[derive(Debug)]
struct Away {
    number: u64,
    size: usize,
    state: State,
}

impl Store {
    /// Nothing yet, at a time in milliseconds since the epoch.
    #[must_use]
    pub fn new(bounds: Bounds, millis: u64) -> Self {
        let start = Offset::at(millis);
        Self {
            bounds,
            entries: VecDeque::new(),
            gone: start,
            last: start,
            sessions: HashMap::new(),
            departures: BTreeMap::new(),
            departed: 0,
            bytes: 0,
        }
    }

    /// See [`Log::append`].
    pub fn append(&mut self, entry: Arc<Entry>, now: Instant, millis: u64) -> Offset {
        let offset = self.last.next(millis);
        self.insert(offset, entry, now);
        offset
    }

    /// Appends an entry whose place is known.
    pub fn insert(&mut self, offset: Offset, entry: Arc<Entry>, now: Instant) {
        self.last = offset;
        let size = entry.size();
        self.make_room(size, now);
        if size > self.bounds.bytes {
            self.gone = offset;
        } else {
            self.bytes += size;
            self.entries.push_back(Kept { offset, at: now, size, entry });
        }
    }

    /// All up to here is gone, or was never here.
    pub fn begin(&mut self, offset: Offset) {
        while !self.entries.is_empty() {
            self.forget_entry();
        }
        (self.gone, self.last) = (offset, offset);
    }

    /// Up to here there is nothing more.
    pub fn advance(&mut self, offset: Offset) {
        self.last = offset;
    }

    /// Where it begins and where it ends.
    #[must_use]
    pub fn bounds(&self) -> (Offset, Offset) {
        (self.gone, self.last)
    }

    /// See [`Log::since`].
    ///
    /// # Errors
    /// When it cannot be said.
    pub fn since(&self, after: Offset, most: usize) -> Result<Page, LogError> {
        if after < self.gone {
            return Err(LogError::TooOld(after));
        }
        if after > self.last {
            return Err(LogError::Unknown(after));
        }
        let first = self.entries.partition_point(|kept| kept.offset <= after);
        let page = self.entries.range(first..).take(most);
        Ok(page.map(|kept| (kept.offset, Arc::clone(&kept.entry))).collect())
    }

    /// See [`Log::store_session`].
    pub fn store_session(&mut self, pid: Pid, state: State, now: Instant) {
        self.remove_session(&pid);
        let size = state.size();
        self.make_room(size, now);
        if size > self.bounds.bytes {
            return;
        }
        self.bytes += size;
        self.departed += 1;
        self.departures.insert(self.departed, (now, pid.clone()));
        self.sessions.insert(pid, Away { number: self.departed, size, state });
    }

    /// See [`Log::take_session`].
    pub fn take_session(&mut self, pid: &Pid, now: Instant) -> Option<State> {
        self.make_room(0, now);
        self.remove_session(pid)
    }

    /// See [`Log::sweep`].
    pub fn sweep(&mut self, now: Instant) {
        self.make_room(0, now);
        self.entries.shrink_to(self.entries.len() * 2);
        self.sessions.shrink_to(self.sessions.len() * 2);
    }

    /// See [`Log::usage`].
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage { entries: self.entries.len(), sessions: self.sessions.len(), bytes: self.bytes }
    }

    fn remove_session(&mut self, pid: &Pid) -> Option<State> {
        let away = self.sessions.remove(pid)?;
        self.departures.remove(&away.number);
        self.bytes -= away.size;
        Some(away.state)
    }

    /// Drops what is too old, and then the oldest until so many bytes fit.
    fn make_room(&mut self, size: usize, now: Instant) {
        loop {
            let entry = self.entries.front().map(|kept| kept.at);
            let session = self.departures.first_key_value().map(|(_, (at, _))| *at);
            let Some(oldest) = [entry, session].into_iter().flatten().min() else { return };
            let is_late = now.saturating_duration_since(oldest) > self.bounds.window;
            if !is_late && self.bytes.saturating_add(size) <= self.bounds.bytes {
                return;
            }
            if entry == Some(oldest) {
                self.forget_entry();
            } else {
                self.forget_session();
            }
        }
    }

    fn forget_entry(&mut self) {
        if let Some(kept) = self.entries.pop_front() {
            self.gone = kept.offset;
            self.bytes -= kept.size;
        }
    }

    fn forget_session(&mut self) {
        if let Some((_, (_, pid))) = self.departures.pop_first()
            && let Some(away) = self.sessions.remove(&pid)
        {
            self.bytes -= away.size;
        }
    }
}

fn millis() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
