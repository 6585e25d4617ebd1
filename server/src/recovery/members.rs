//! Those who are connected here, each with its place in the log. One lock gives all of them the same order, and none a gap: a client is
//! either live, and gets each event as it comes, or is fed from the log until it has come to its end.

mod copying;
mod delivery;
mod steering;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, Weak},
};

use socketioxide_core::{
    adapter::Room,
    packet::{Packet, Sid},
};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    adapter::{Outcome, Recording},
    gap::Gap,
    log::{Entry, Page},
    offset::Offset,
    session::{Owner, Pid, State},
};
use crate::line::Line;
use delivery::{plain, with_offset};
pub(super) use steering::Surrender;

/// A client that is connected here.
#[derive(Debug)]
pub(super) struct Member {
    /// None where events carry no offset: such a client cannot come back as itself.
    pub(super) pid: Option<Pid>,
    /// What would make it itself again. It holds what comes next where the client is fed from the log.
    pub(super) state: State,
    /// What it has to be told first.
    pub(super) welcome: Option<Welcome>,
    /// Whether its CONNECT reply still has to say who it is.
    pub(super) awaits_reply: bool,
    pub(super) stage: Stage,
    /// Its WebSocket, if it began with one.
    pub(super) line: Option<Arc<Line>>,
}

/// What a client has to be told as soon as it is connected.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Welcome {
    /// It is itself again.
    pub(super) is_recovered: bool,
    /// What it asked for is not to be had.
    pub(super) gap: Option<Gap>,
    /// It wants to hear of its session in an event.
    pub(super) wants_session: bool,
}

/// How a client gets its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// As they come.
    Live,
    /// From the log.
    Fed,
    /// Not at all: its connection has ended, and its session is on its way into the log.
    Gone,
}

/// What a feed has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: the client is live, or gone.
    Nothing,
    /// Read on.
    Read {
        /// From here.
        after: Offset,
        /// As far as this at least.
        end: Offset,
    },
}

/// Whether somebody may have a session.
#[derive(Debug)]
pub(super) enum Taken {
    /// Nobody here has it.
    Nobody,
    /// It is somebody else's.
    NotYours,
    /// Here it is, and the connection that had it, if that has not ended yet.
    Yours(Box<State>, Option<Sid>),
}

/// Everybody who is connected here.
#[derive(Debug)]
pub(super) struct Members {
    inner: Mutex<Inner>,
    adapter: OnceLock<Weak<Recording>>,
    lagging: UnboundedSender<Sid>,
    /// Hears of sessions that are not what they were.
    changed: OnceLock<UnboundedSender<Sid>>,
    /// Whether everybody who is connected is a member.
    is_complete: bool,
}

#[derive(Debug, Default)]
struct Inner {
    delivered: Offset,
    /// In boxes, since a table has up to twice the places that it fills.
    by_sid: HashMap<Sid, Box<Member>>,
    by_pid: HashMap<Pid, Sid>,
    /// By the id that others know.
    by_id: HashMap<Sid, Sid>,
}

impl Members {
    /// Nobody yet. Those who cannot take what comes as it comes are named to `lagging`.
    pub(super) fn new(lagging: UnboundedSender<Sid>, is_complete: bool) -> Self {
        Self { inner: Mutex::default(), adapter: OnceLock::new(), lagging, changed: OnceLock::new(), is_complete }
    }

    /// The namespace that they are in.
    pub(super) fn attach(&self, adapter: &Arc<Recording>) {
        self.adapter.set(Arc::downgrade(adapter)).ok();
    }

    /// Somebody connects; the events of those who are new begin now.
    pub(super) fn enter(&self, sid: Sid, mut member: Member) {
        let mut inner = self.lock();
        if member.state.position == Offset::default() {
            member.state.begin(inner.delivered);
        }
        if let Some(pid) = &member.pid {
            inner.by_pid.insert(pid.clone(), sid);
            self.note(sid);
        }
        inner.by_id.insert(member.state.id, sid);
        inner.by_sid.insert(sid, Box::new(member));
    }

    /// Does something with a client.
    pub(super) fn with<T>(&self, sid: Sid, act: impl FnOnce(&mut Member) -> T) -> Option<T> {
        self.lock().by_sid.get_mut(&sid).map(|member| act(member))
    }

    /// Whether a client can be sent something.
    pub(super) fn is_connected(&self, sid: Sid) -> bool {
        self.lock().by_sid.get(&sid).is_some_and(|member| member.stage != Stage::Gone)
    }

    /// A client is in a room from now on; nothing that was published there before is for it.
    pub(super) fn join(&self, sid: Sid, room: &Room, join: impl FnOnce()) {
        let mut inner = self.lock();
        let now = inner.delivered;
        join();
        if let Some(member) = inner.by_sid.get_mut(&sid)
            && !member.state.rooms.iter().any(|(own, _)| own == room)
        {
            member.state.rooms.push((room.clone(), now));
            if member.pid.is_some() {
                self.note(sid);
            }
        }
    }

    /// A client is in a room no longer.
    pub(super) fn leave(&self, sid: Sid, room: &Room) {
        self.with(sid, |member| {
            member.state.rooms.retain(|(own, _)| own != room);
            if member.pid.is_some() {
                self.note(sid);
            }
        });
    }

    /// A connection has ended. What has to be kept is to be stored, and then [`Members::stored`].
    pub(super) fn part(
        &self,
        sid: Sid,
        is_kept: impl FnOnce(&Owner) -> bool,
        forget: impl FnOnce(&Pid),
    ) -> Option<(Pid, State)> {
        let mut inner = self.lock();
        let delivered = inner.delivered;
        let member = inner.by_sid.get_mut(&sid).filter(|member| member.stage != Stage::Gone)?;
        if let Some(pid) = member.pid.clone().filter(|_| is_kept(&member.state.owner)) {
            if member.stage == Stage::Live {
                member.state.position = member.state.position.max(delivered);
            }
            member.stage = Stage::Gone;
            return Some((pid, member.state.clone()));
        }
        if let Some(pid) = inner.remove(sid).and_then(|member| member.pid) {
            forget(&pid);
        }
        None
    }

    /// The session of an ended connection is in the log. False where its client came back meanwhile: then it may not stay there.
    pub(super) fn stored(&self, sid: Sid) -> bool {
        self.lock().remove(sid).is_some()
    }

    /// Somebody wants a session back.
    pub(super) fn take(&self, pid: &Pid, owner: &Owner) -> Taken {
        let mut inner = self.lock();
        let delivered = inner.delivered;
        let Some(sid) = inner.by_pid.get(pid).copied() else { return Taken::Nobody };
        let Some(member) = inner.by_sid.get(&sid) else { return Taken::Nobody };
        if !member.state.owner.is(owner) {
            return Taken::NotYours;
        }
        let Some(mut member) = inner.remove(sid) else { return Taken::Nobody };
        if member.stage == Stage::Live {
            member.state.position = member.state.position.max(delivered);
        }
        Taken::Yours(Box::new(member.state), Some(sid).filter(|_| member.stage != Stage::Gone))
    }

    /// What to read for a client. One that has come to the end of the log gets what comes from now on.
    pub(super) fn next(&self, sid: Sid) -> Next {
        let mut inner = self.lock();
        let delivered = inner.delivered;
        let Some(member) = inner.by_sid.get_mut(&sid).filter(|member| member.stage == Stage::Fed) else {
            return Next::Nothing;
        };
        if member.state.position >= delivered {
            member.stage = Stage::Live;
            return Next::Nothing;
        }
        Next::Read { after: member.state.position, end: delivered }
    }

    /// Up to here there is nothing for a client.
    pub(super) fn pass(&self, sid: Sid, end: Offset) {
        self.with(sid, |member| member.state.position = member.state.position.max(end));
    }

    /// What of a page is for a client. It counts as sent: what is lost on the way is sent again when the client comes back.
    pub(super) fn choose(&self, sid: Sid, page: &Page) -> Vec<Packet> {
        let chosen = self.with(sid, |member| {
            let mut packets = Vec::new();
            for (offset, entry) in page {
                if member.state.is_meant(*offset, entry) {
                    packets.push(member.packet(*offset, entry));
                    member.state.sent.push(*offset);
                }
                member.state.position = *offset;
            }
            packets
        });
        chosen.unwrap_or_default()
    }

    /// Leaves out what a client cannot be given.
    pub(super) fn skip(&self, sid: Sid) {
        let mut inner = self.lock();
        let delivered = inner.delivered;
        if let Some(member) = inner.by_sid.get_mut(&sid) {
            member.state.begin(delivered);
        }
    }

    /// Sends to one client.
    pub(super) fn send(&self, sid: Sid, packet: Packet) -> Outcome {
        let line = self.with(sid, |member| member.line.clone()).flatten();
        self.adapter().map_or(Outcome::Closed, |adapter| adapter.send(sid, line.as_deref(), packet))
    }

    /// The engine is about to be given an event for a client.
    pub(super) fn gives(&self, sid: Sid) {
        self.with(sid, |member| member.line.as_ref().inspect(move |line| line.gives()).is_some());
    }

    pub(super) fn adapter(&self) -> Option<Arc<Recording>> {
        self.adapter.get().and_then(Weak::upgrade)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nothing panics under this lock")
    }
}

impl Member {
    fn packet(&self, offset: Offset, entry: &Entry) -> Packet {
        if self.pid.is_some() { with_offset(entry, offset) } else { plain(entry) }
    }
}

impl Inner {
    fn remove(&mut self, sid: Sid) -> Option<Member> {
        let member = self.by_sid.remove(&sid)?;
        if let Some(pid) = &member.pid
            && self.by_pid.get(pid) == Some(&sid)
        {
            self.by_pid.remove(pid);
        }
        if self.by_id.get(&member.state.id) == Some(&sid) {
            self.by_id.remove(&member.state.id);
        }
        Some(*member)
    }
}
