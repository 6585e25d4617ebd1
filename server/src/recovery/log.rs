//! What the log of published events has to do, wherever it is kept: in this process, or with several replicas in their backplane.

use std::{fmt, sync::Arc};

use futures::future::BoxFuture;
use socketioxide_core::{Str, Value, adapter::Room, packet::Sid};
use tokio::runtime::Handle;

use super::{
    offset::Offset,
    session::{Owner, Pid, State},
};
use crate::line::Line;

/// What an entry takes besides its contents.
const ENTRY_OVERHEAD: usize = 192;
/// What a room's name or an attachment takes besides its letters or bytes.
const PIECE_OVERHEAD: usize = 32;

/// A published event.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its namespace.
    pub namespace: Str,
    /// Name and arguments, encoded, with their attachments.
    pub data: Value,
    /// Rooms that get it; everybody where there is none.
    pub rooms: Vec<Room>,
    /// Rooms that do not.
    pub except: Vec<Room>,
    /// The one who does not get it: who published it.
    pub sender: Option<Sid>,
    /// Who published it, and that client's own name for it.
    pub publication: Option<String>,
}

impl Entry {
    /// Memory that it takes, roughly.
    #[must_use]
    pub fn size(&self) -> usize {
        let rooms = self.rooms.iter().chain(&self.except).map(|room| room.len() + PIECE_OVERHEAD);
        ENTRY_OVERHEAD + self.payload() + rooms.sum::<usize>()
    }

    /// Bytes that a client is sent.
    #[must_use]
    pub fn payload(&self) -> usize {
        let attachments = match &self.data {
            Value::Str(_, Some(attachments)) => attachments.iter().map(|bytes| bytes.len() + PIECE_OVERHEAD).sum(),
            Value::Str(_, None) | Value::Bytes(_) => 0,
        };
        self.data.len() + attachments
    }
}

/// Entries with their places, oldest first.
pub type Page = Vec<(Offset, Arc<Entry>)>;

/// Why the log cannot say what came after an offset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Some of it is gone.
    #[error("what was published after {0} is no longer all here")]
    TooOld(Offset),
    /// The offset is not from this log.
    #[error("{0} is later than all that was published here")]
    Unknown(Offset),
    /// The log is elsewhere and does not answer.
    #[error("the log does not answer: {0}")]
    Unavailable(String),
}

/// Takes entries to those who are connected here.
pub trait Deliver: fmt::Debug + Send + Sync + 'static {
    /// The log is here, and all up to this offset is delivered or for nobody.
    fn begin(&self, end: Offset);

    /// Each entry of the log, in the order of the offsets, none twice.
    fn deliver(&self, offset: Offset, entry: &Arc<Entry>) -> Flush;

    /// An entry that the log did not take.
    fn deliver_apart(&self, entry: &Entry) -> Flush;
}

/// Clients that one task writes to without a break.
const AT_A_TIME: usize = 256;

/// What is in its place on the wires and has to be sent. It is when this is dropped, which is the time for it as soon as no lock is held:
/// for a thousand clients the kernel is asked a thousand times.
#[derive(Debug, Default)]
#[must_use = "nobody else is to wait for the kernel"]
pub struct Flush(Vec<Arc<Line>>);

impl Flush {
    /// This one too.
    pub(super) fn add(&mut self, line: &Arc<Line>) {
        self.0.push(Arc::clone(line));
    }
}

impl Drop for Flush {
    /// In a big room all but the first part is left to other tasks: their order is no matter, and neither is who comes between.
    fn drop(&mut self) {
        if let Ok(runtime) = Handle::try_current() {
            while self.0.len() > AT_A_TIME {
                let part = Self(self.0.split_off(self.0.len() - AT_A_TIME));
                runtime.spawn(async move { drop(part) });
            }
        }
        self.0.iter().for_each(|line| line.flush());
    }
}

/// A log of published events, and the sessions of clients that are away. A log that several replicas share gives one order to all
/// of them and hands out what the others appended too.
pub trait Log: fmt::Debug + Send + Sync + 'static {
    /// Appends an entry. Calls that come one after the other keep their order, whether their answers are awaited or not. The entry comes
    /// back by [`Deliver::deliver`].
    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<Offset, LogError>>;

    /// At most so many entries after an offset, the oldest ones; none at the end of the log.
    fn since(&self, after: Offset, most: usize) -> BoxFuture<'_, Result<Page, LogError>>;

    /// Keeps the session of a client that went away, for as long as it may come back.
    fn store_session(&self, pid: &Pid, state: State) -> BoxFuture<'_, Result<(), LogError>>;

    /// Gives a session to one who knows its name; it is there once. The owner may tell where it is.
    fn take_session(&self, pid: &Pid, owner: &Owner) -> BoxFuture<'_, Result<Option<State>, LogError>>;

    /// The client of a session went for good.
    fn forget_session(&self, _: &Pid) {}

    /// Drops what is too old. Called every now and then.
    fn sweep(&self) -> BoxFuture<'_, ()>;

    /// What it holds.
    fn usage(&self) -> Usage;
}

/// What a log holds in this process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Published events.
    pub entries: usize,
    /// Sessions of clients that are away.
    pub sessions: usize,
    /// Memory that both take.
    pub bytes: usize,
}
