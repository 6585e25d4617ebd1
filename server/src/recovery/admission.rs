//! Coming and going: who is new, who is back, and what is kept of those who go.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use http::header;
use serde::Serialize;
use serde_json::json;
use socketioxide::{ProtocolVersion, SendError, socket::DisconnectReason};
use socketioxide_core::packet::Sid;

use super::{
    Recovery, SocketRef,
    feed::{PAGE, SESSION_EVENT},
    gap::{GAP_EVENT, Gap},
    hello::{Hello, Presented, Tracking},
    log::LogError,
    members::{Member, Stage, Taken, Welcome},
    offset::Offset,
    session::{Owner, Pid, State},
};
use crate::{auth, connections::Handle, farewell::Farewell, line::Line};

/// Travels with a connection, and tells when it is gone without ever having ended in order.
#[derive(Debug)]
struct Seat {
    recovery: Arc<Recovery>,
    sid: Sid,
    line: Option<Arc<Line>>,
    is_left: AtomicBool,
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.is_left.load(Ordering::Relaxed) || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (recovery, sid) = (Arc::clone(&self.recovery), self.sid);
        // Not here: the library may hold its own locks.
        tokio::spawn(async move { recovery.part(sid, |_| true).await });
    }
}

/// Sends an event of the server's own past the log.
///
/// # Errors
/// When the client does not get it.
pub fn tell_apart<T: Serialize>(socket: &SocketRef, event: &str, argument: &T) -> Result<(), SendError> {
    let seat = socket.extensions.get::<Arc<Seat>>();
    let line = seat.as_ref().and_then(|seat| seat.line.as_deref());
    Line::give(line, || socket.emit(event, argument))
}

impl Recovery {
    /// A client connects, and is who it says it is. It hears of the outcome later, see [`Recovery::greet`].
    pub async fn admit(self: &Arc<Self>, socket: &SocketRef, hello: &Hello) {
        if !self.is_on() {
            return;
        }
        let principal = auth::principal(socket);
        let is_nobody = principal.as_ref().is_some_and(|principal| principal.subject.is_none());
        let origin = socket.req_parts().headers.get(header::ORIGIN).map(|origin| origin.as_bytes().to_vec());
        let owner = Owner { principal, origin };
        let tracking = match hello.tracking(socket.req_parts(), socket.protocol()) {
            // Whoever has a token without a subject could not be told from the others who have.
            _ if is_nobody => Tracking::Off,
            tracking => tracking,
        };
        let mut welcome = Welcome { wants_session: tracking == Tracking::Asked, ..Welcome::default() };
        let mut member = None;
        if let Some(presented) = hello.presented(socket.req_parts()).filter(|_| tracking != Tracking::Off) {
            let is_in_query = presented.in_query;
            match self.resume(presented, &owner, socket).await {
                Ok((pid, state)) => {
                    welcome.is_recovered = true;
                    self.numbers.recovered();
                    let rooms: Vec<_> = state.rooms.iter().map(|(room, _)| room.clone()).collect();
                    socket.join(rooms);
                    member = Some((if is_in_query { Pid::random() } else { pid }, state));
                }
                Err(gap) => {
                    welcome.gap = Some(gap);
                    self.numbers.gap(gap);
                }
            }
        }
        let (pid, state) = match member {
            Some((pid, state)) => (Some(pid), state),
            None => {
                let pid = (tracking != Tracking::Off).then(Pid::random);
                (pid, State::new(socket.id, owner, Offset::default()))
            }
        };
        let awaits_reply = pid.is_some() && socket.protocol() == ProtocolVersion::V5;
        let line = match self.connections.handle(socket.id) {
            Some(Handle::WebSocket(line)) => Some(line),
            Some(Handle::Polling(..)) | None => None,
        };
        let (recovery, is_left) = (Arc::clone(self), AtomicBool::new(false));
        socket.extensions.insert(Arc::new(Seat { recovery, sid: socket.id, line: line.clone(), is_left }));
        let (welcome, stage) = (Some(welcome), Stage::Fed);
        self.members.enter(socket.id, Member { pid, state, welcome, awaits_reply, stage, line });
    }

    /// A client has the answer to its CONNECT. It is told what it has to know and given what it missed.
    pub async fn greet(&self, socket: &SocketRef, hello: &Hello) {
        let sid = socket.id;
        if !self.is_on() {
            return self.decline(socket, hello);
        }
        let greeting = self.members.with(sid, |member| {
            let pid = member.pid.as_ref().map(|pid| pid.as_str().to_owned());
            (member.welcome.take().unwrap_or_default(), member.state.id, pid)
        });
        let Some((welcome, id, pid)) = greeting else { return };
        if welcome.wants_session {
            let session = json!({"id": id, "pid": pid, "recovered": welcome.is_recovered});
            self.tell(sid, SESSION_EVENT, &session).await;
        }
        if let Some(gap) = welcome.gap {
            self.tell(sid, GAP_EVENT, &gap.told()).await;
        }
        self.feed(sid, if welcome.is_recovered { Gap::TooOld } else { Gap::TooSlow }).await;
    }

    /// A client that relies on recovery hears that there is none here.
    fn decline(&self, socket: &SocketRef, hello: &Hello) {
        if hello.tracking(socket.req_parts(), socket.protocol()) == Tracking::Asked {
            socket.emit(SESSION_EVENT, &json!({"id": socket.id, "pid": null, "recovered": false})).ok();
        }
        if hello.presented(socket.req_parts()).is_some() {
            socket.emit(GAP_EVENT, &Gap::UnknownSession.told()).ok();
        }
    }

    /// A connection has ended. A client that said goodbye does not come back, and one that was sent away comes back with a token.
    pub async fn left(&self, socket: &SocketRef, reason: DisconnectReason) {
        if let Some(seat) = socket.extensions.get::<Arc<Seat>>() {
            seat.is_left.store(true, Ordering::Relaxed);
        }
        let is_kept = |owner: &Owner| match reason {
            DisconnectReason::ClientNSDisconnect => false,
            DisconnectReason::ServerNSDisconnect => owner.principal.is_some(),
            DisconnectReason::TransportClose
            | DisconnectReason::TransportError
            | DisconnectReason::MultipleHttpPollingError
            | DisconnectReason::PacketParsingError
            | DisconnectReason::HeartbeatTimeout
            | DisconnectReason::ClosingServer => true,
        };
        self.part(socket.id, is_kept).await;
    }

    async fn part(&self, sid: Sid, is_kept: impl FnOnce(&Owner) -> bool) {
        let Some((pid, state)) = self.members.part(sid, is_kept, |pid| self.log().forget_session(pid)) else { return };
        if let Err(error) = self.log().store_session(&pid, state.clone()).await {
            tracing::warn!(%error, "a session is lost");
        }
        if !self.members.stored(sid) {
            self.log().take_session(&pid, &state.owner).await.ok();
        }
    }

    async fn resume(&self, presented: Presented, owner: &Owner, socket: &SocketRef) -> Result<(Pid, State), Gap> {
        let received = presented.offset.map_err(|_| Gap::BadOffset)?;
        let pid = presented.pid.ok_or(Gap::UnknownSession)?;
        let mut state = self.take(&pid, owner, socket).await?;
        let position = state.resume(received);
        self.check(&state, position).await?;
        state.begin(position);
        Ok((pid, state))
    }

    async fn take(&self, pid: &Pid, owner: &Owner, socket: &SocketRef) -> Result<State, Gap> {
        match self.members.take(pid, owner) {
            Taken::Yours(state, connection) => {
                // The client knew before the server that its connection had ended.
                if let Some(sid) = connection {
                    if let Some(old) = socket.broadcast().get_socket(sid) {
                        old.leave_all();
                        old.disconnect().ok();
                    }
                    self.connections.cut(sid, Farewell::REPLACED);
                }
                Ok(*state)
            }
            Taken::NotYours => {
                self.numbers.refused();
                Err(Gap::UnknownSession)
            }
            Taken::Nobody => {
                let state = self.log().take_session(pid, owner).await.map_err(|_| Gap::LogUnavailable)?;
                let state = state.ok_or(Gap::UnknownSession)?;
                if !state.owner.is(owner) {
                    self.numbers.refused();
                    self.log().store_session(pid, state).await.ok();
                    return Err(Gap::UnknownSession);
                }
                Ok(state)
            }
        }
    }

    /// Whether all that a client missed is there and not too much.
    async fn check(&self, state: &State, mut position: Offset) -> Result<(), Gap> {
        let mut bytes = 0_usize;
        loop {
            let page = self.log().since(position, PAGE).await.map_err(|error| match error {
                LogError::TooOld(_) => Gap::TooOld,
                LogError::Unknown(_) => Gap::BadOffset,
                LogError::Unavailable(_) => Gap::LogUnavailable,
            })?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            position = *last;
            let meant = page.iter().filter(|(offset, entry)| state.is_meant(*offset, entry));
            bytes += meant.map(|(_, entry)| entry.payload()).sum::<usize>();
            if bytes > self.limits.session_bytes {
                return Err(Gap::TooMuch);
            }
        }
    }
}
