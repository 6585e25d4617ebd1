//! Recovery: a client whose connection was moved or cut comes back as itself. It has its id and its rooms, and what was published
//! meanwhile is delivered once and in order; what cannot be delivered is told, never left out silently.
//!
//! What is published goes through a `log`, which gives it an `offset` and hands it to the `members`, those who are connected here. Clients
//! that keep the offset of the last event they got present it when they come back (`hello`), together with the secret name of their
//! `session`; the `feed` sends them what they missed. Clients of version 4 do all that by themselves as soon as the answer to their
//! CONNECT names the session (`reply`).

pub mod adapter;
mod admission;
pub mod feed;
pub mod gap;
pub mod hello;
pub mod log;
mod members;
pub mod memory;
pub mod numbers;
pub mod offset;
pub mod reply;
pub mod session;
pub mod shared;

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use socketioxide_core::{adapter::Room, packet::Sid};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::futures::TaskLocalFuture,
    time,
};

use crate::{connections::Connections, metrics::Metrics};
pub(crate) use adapter::Recording;
pub(crate) use admission::tell_apart;
use log::{Entry, Log};
use members::Members;
use memory::{Bounds, MemoryLog};
use numbers::Numbers;
use session::Pid;
use shared::{Place, Shared};

/// The Socket.IO server.
pub type SocketIo = socketioxide::SocketIo<Recording>;
/// A connected client.
pub type SocketRef = socketioxide::extract::SocketRef<Recording>;
/// The way to acknowledge an event.
pub type AckSender = socketioxide::extract::AckSender<Recording>;

/// Begin the names of the server's own events, which nobody else may publish.
pub const RESERVED: &str = "realtime:";
/// How often what is too old is dropped, at least.
const SWEEP: Duration = Duration::from_secs(5);

/// What a client wants to publish is published already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// So many got it.
    To(usize),
    /// By a server that is gone, and counted.
    Elsewhere,
}

fn publication(client: Sid, id: &str) -> String {
    format!("{client} {id}")
}

/// What may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a client may stay away; nothing is kept where that is no time at all.
    pub window: Duration,
    /// Memory for all of it.
    pub bytes: usize,
    /// Most that one client is sent on its return.
    pub session_bytes: usize,
}

/// Lets clients come back as themselves.
pub struct Recovery {
    limits: Limits,
    log: Arc<dyn Log>,
    members: Arc<Members>,
    connections: Arc<Connections>,
    lagging: Mutex<Option<UnboundedReceiver<Sid>>>,
    numbers: Numbers,
    shared: Option<Shared>,
}

impl fmt::Debug for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recovery").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Recovery {
    /// With a log in this process, or with one that all replicas share.
    #[must_use]
    pub fn open(limits: Limits, place: Option<Place>, metrics: &Metrics, connections: Arc<Connections>) -> Arc<Self> {
        let (sender, lagging) = unbounded_channel();
        let members = Arc::new(Members::new(sender, !limits.window.is_zero()));
        let (log, shared): (Arc<dyn Log>, _) = match place {
            Some(place) => {
                let (log, shared) = shared::open(place, limits, &members, &connections, metrics.backplane.clone());
                (log, Some(shared))
            }
            None => {
                let bounds = Bounds { window: limits.window, bytes: limits.bytes };
                (Arc::new(MemoryLog::new(bounds, members.clone())), None)
            }
        };
        let (lagging, numbers) = (Mutex::new(Some(lagging)), metrics.recovery.clone());
        Arc::new(Self { limits, log, members, connections, lagging, numbers, shared })
    }

    /// Looks after those who lag and what is old, for as long as the process runs.
    pub fn start(self: &Arc<Self>) {
        let lagging = self.lagging.lock().expect("nothing panics under this lock").take();
        let Some(lagging) = lagging.filter(|_| self.has_log()) else { return };
        tokio::spawn(Arc::clone(self).follow(lagging));
        let recovery = Arc::clone(self);
        let pause = if self.is_on() { SWEEP.min(self.limits.window / 4) } else { SWEEP };
        tokio::spawn(async move {
            let mut ticks = time::interval(pause.max(Duration::from_millis(50)));
            ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                recovery.log.sweep().await;
                recovery.numbers.usage(recovery.log.usage());
            }
        });
    }

    /// Whether anything is kept.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.limits.window.is_zero()
    }

    /// Whether what is published goes through a log.
    fn has_log(&self) -> bool {
        self.is_on() || self.shared.is_some()
    }

    /// What replicas have in common, where there are several.
    #[must_use]
    pub const fn shared(&self) -> Option<&Shared> {
        self.shared.as_ref()
    }

    /// What others know a client by: its first connection's id, however often it comes back.
    #[must_use]
    pub fn id(&self, sid: Sid) -> Sid {
        self.members.with(sid, |member| member.state.id).unwrap_or(sid)
    }

    /// A client joins a room.
    pub fn join(&self, socket: &SocketRef, room: Room) {
        self.members.join(socket.id, &room, || socket.join(room.clone()));
    }

    /// A client leaves a room.
    pub fn leave(&self, socket: &SocketRef, room: Room) {
        self.members.leave(socket.id, &room);
        socket.leave(room);
    }

    /// How many got what a client published under an id of its own, if it did so already.
    #[must_use]
    pub fn published(&self, sid: Sid, id: &str) -> Option<Published> {
        let here = self.members.with(sid, |member| (member.state.id, member.state.publications.get(id)));
        match here {
            Some((_, Some(delivered))) => Some(Published::To(delivered)),
            Some((client, None)) if self.shared.as_ref()?.knows(&publication(client, id)) => Some(Published::Elsewhere),
            _ => None,
        }
    }

    /// Publishes for a client which has an id of its own for it.
    pub fn naming<T, F: Future<Output = T>>(&self, sid: Sid, id: &str, publish: F) -> TaskLocalFuture<String, F> {
        adapter::PUBLICATION.scope(publication(self.id(sid), id), publish)
    }

    /// A client published something under an id of its own.
    pub fn publish(&self, sid: Sid, id: &str, delivered: usize) {
        self.members.with(sid, |member| member.state.publications.push(id, delivered));
    }

    /// It was not, after all.
    pub fn unpublish(&self, sid: Sid, id: &str) {
        self.members.with(sid, |member| member.state.publications.remove(id));
    }

    /// Id and secret name that a client is given in the answer to its CONNECT; once.
    fn reply(&self, sid: Sid) -> Option<(Sid, Pid)> {
        let reply = self.members.with(sid, |member| {
            let is_awaited = std::mem::take(&mut member.awaits_reply);
            member.pid.clone().filter(|_| is_awaited).map(|pid| (member.state.id, pid))
        });
        reply.flatten()
    }

    fn attach(&self, adapter: &Arc<Recording>) {
        self.members.attach(adapter);
    }

    /// Appends to the log of this process; none where it is another's.
    pub fn append_here(&self, entry: Entry) -> Option<offset::Offset> {
        futures::FutureExt::now_or_never(self.log.append(entry))?.ok()
    }

    fn log(&self) -> &dyn Log {
        &*self.log
    }

    fn deliver_volatile(&self, entry: &Entry) {
        drop(self.members.send_volatile(entry));
    }
}
