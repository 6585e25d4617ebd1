//! The stream as the log: its ids are the offsets.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use futures::{FutureExt, future::BoxFuture};
use realtime_backplane::{
    Backplane, Id, Problem,
    codec::{self, Body, Filter, Message},
};
use socketioxide_core::adapter::Room;
use tokio::sync::oneshot;

use super::{
    NAMESPACE, Numbers, Peers, answers,
    copies::Copies,
    inbox::{Inbox, id, offset},
    requests::payload,
};
use crate::recovery::{
    log::{Entry, Log, LogError, Page, Usage},
    offset::Offset,
    session::{Owner, Pid, State},
};

/// How long entries are kept at least; servers of Node rely on theirs too.
const RETENTION: Duration = Duration::from_secs(600);
/// An entry of so long ago is followed by one that says nothing, so that no place that is remembered is older than the stream.
const QUIET: Duration = Duration::from_secs(120);

/// The stream as the log.
pub(super) struct StreamLog {
    uid: Arc<str>,
    backplane: Backplane,
    inbox: Arc<Inbox>,
    peers: Arc<Peers>,
    copies: Copies,
    numbers: Numbers,
    /// Numbers are given in the order in which entries are appended.
    order: Mutex<()>,
}

impl fmt::Debug for StreamLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamLog").field("uid", &self.uid).finish_non_exhaustive()
    }
}

impl From<Problem> for LogError {
    fn from(problem: Problem) -> Self {
        Self::Unavailable(problem.to_string())
    }
}

impl StreamLog {
    pub(super) fn new(
        uid: Arc<str>,
        backplane: Backplane,
        inbox: Arc<Inbox>,
        peers: Arc<Peers>,
        copies: Copies,
        numbers: Numbers,
    ) -> Self {
        Self { uid, backplane, inbox, peers, copies, numbers, order: Mutex::new(()) }
    }

    fn message(&self, entry: &Entry) -> Option<Message> {
        let names = |rooms: &[Room]| rooms.iter().map(|room| room.to_string()).collect::<Vec<_>>();
        let mut except = names(&entry.except);
        except.extend(entry.sender.map(|sender| sender.to_string()));
        let filter = Filter { rooms: names(&entry.rooms), except, ..Filter::default() };
        let body = Body::Broadcast { packet: payload(&entry.data)?, filter, request: None };
        Some(Message { uid: self.uid.to_string(), nsp: NAMESPACE.to_owned(), body })
    }

    /// What is no longer in memory.
    async fn read(&self, after: Offset, last: Offset, most: usize) -> Result<Page, LogError> {
        if self.backplane.oldest().await?.is_none_or(|oldest| oldest > id(after)) {
            return Err(LogError::TooOld(after));
        }
        let mut from = id(after).next();
        loop {
            let entries = self.backplane.range(from, id(last), most).await?;
            let Some((end, _)) = entries.last() else { return Ok(Page::new()) };
            from = end.next();
            let page: Page = entries.iter().filter_map(|(id, fields)| read(*id, fields)).collect();
            if !page.is_empty() {
                return Ok(page);
            }
        }
    }

    /// A session from wherever it is; it is there no longer.
    async fn fetch(&self, pid: &Pid, owner: &Owner) -> Result<Option<State>, Problem> {
        let stored = self.take(pid).await;
        if let Ok(Some(state)) = stored {
            return Ok(Some(state));
        }
        if let Some(state) = self.inbox.cache().store.take_session(pid, Instant::now()) {
            return Ok(Some(state));
        }
        stored?;
        let copy = self.copies.find(pid).await;
        if let Some(copy) = &copy
            && *copy.uid != *self.uid
            && !self.peers.listens(&copy.uid).await
        {
            return Ok(self.copies.take(pid).await);
        }
        let silent = self.peers.fetch(pid, owner).await;
        // Whatever they say: one that had it may have put it there between the first look and the question.
        if let Some(state) = self.take(pid).await? {
            return Ok(Some(state));
        }
        match copy {
            Some(copy) if silent.contains(&copy.uid) => Ok(self.copies.take(pid).await),
            Some(_) | None => Ok(None),
        }
    }

    async fn take(&self, pid: &Pid) -> Result<Option<State>, Problem> {
        let Some(stored) = self.backplane.take_session(pid.as_str()).await? else { return Ok(None) };
        let session = codec::session::decode(&stored).ok();
        Ok(session.and_then(|session| serde_json::from_str(&session.ours?).ok()))
    }
}

/// An entry that has to be delivered.
fn read(id: Id, fields: &codec::fields::Fields) -> Option<(Offset, Arc<Entry>)> {
    let message = codec::fields::decode(fields).ok().filter(|message| message.nsp == NAMESPACE)?;
    match message.body {
        Body::Broadcast { packet, filter, .. } if !filter.is_volatile => {
            Some((offset(id), Arc::new(answers::entry(packet, filter))))
        }
        _ => None,
    }
}

impl Log for StreamLog {
    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<Offset, LogError>> {
        let fields = self.message(&entry).and_then(|message| codec::fields::encode(&message).ok());
        let Some(mut fields) = fields else {
            let error = LogError::Unavailable("the event cannot be written".to_owned());
            return futures::future::ready(Err(error)).boxed();
        };
        let (sender, answer) = oneshot::channel();
        let (inbox, numbers) = (Arc::clone(&self.inbox), self.numbers.clone());
        let order = self.order.lock().expect("nothing panics under this lock");
        let number = self.backplane.number();
        fields.number = Some(number);
        fields.publication.clone_from(&entry.publication);
        self.backplane.append(
            fields,
            Box::new(move |appended: Result<Id, Problem>| {
                let outcome = match appended {
                    Ok(id) => Ok(offset(id)),
                    Err(problem) if inbox.deliver_apart(number, &entry, problem.is_uncertain) => {
                        numbers.lost(problem.reason);
                        Err(problem.into())
                    }
                    // It came back meanwhile: Redis has it.
                    Err(_) => Ok(Offset::default()),
                };
                sender.send(outcome).ok();
            }),
        );
        drop(order);
        let lost = |_| LogError::Unavailable("the writer has ended".to_owned());
        async move { answer.await.map_err(lost)? }.boxed()
    }

    fn since(&self, after: Offset, most: usize) -> BoxFuture<'_, Result<Page, LogError>> {
        async move {
            let last = {
                let cache = self.inbox.cache();
                let (gone, last) = cache.store.bounds();
                if after < cache.floor {
                    return Err(LogError::TooOld(after));
                }
                if (gone..=last).contains(&after) {
                    return cache.store.since(after, most);
                }
                last
            };
            if after > last {
                // Of a replica that is ahead. What lies between comes as it comes.
                let is_there = self.backplane.newest().await?.is_some_and(|newest| newest >= id(after));
                return if is_there { Ok(Page::new()) } else { Err(LogError::Unknown(after)) };
            }
            self.read(after, last, most).await
        }
        .boxed()
    }

    fn store_session(&self, pid: &Pid, state: State) -> BoxFuture<'_, Result<(), LogError>> {
        let (pid, inbox) = (pid.clone(), Arc::clone(&self.inbox));
        async move {
            inbox.store(&pid, state).await;
            Ok(())
        }
        .boxed()
    }

    fn take_session(&self, pid: &Pid, owner: &Owner) -> BoxFuture<'_, Result<Option<State>, LogError>> {
        let (pid, owner) = (pid.clone(), owner.clone());
        async move {
            let state = self.fetch(&pid, &owner).await?;
            if let Some(state) = &state {
                // From here on it is nowhere else: this server may die before it lets the client in.
                self.copies.put(&pid, state.clone()).await;
            }
            Ok(state)
        }
        .boxed()
    }

    fn forget_session(&self, pid: &Pid) {
        let (copies, pid) = (self.copies.clone(), pid.clone());
        tokio::spawn(async move { copies.take(&pid).await });
    }

    fn sweep(&self) -> BoxFuture<'_, ()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (last, _) = {
            let mut cache = self.inbox.cache();
            cache.store.sweep(Instant::now());
            cache.store.bounds().1.parts()
        };
        if last > 0 && now.saturating_sub(Duration::from_millis(last)) > QUIET {
            self.backplane.beat();
        }
        let before = now.saturating_sub(RETENTION.max(self.inbox.window() * 2));
        let before = Id { millis: u64::try_from(before.as_millis()).unwrap_or_default(), number: 0 };
        async move { self.backplane.trim(before).await.unwrap_or_default() }.boxed()
    }

    fn usage(&self) -> Usage {
        self.inbox.cache().store.usage()
    }
}
