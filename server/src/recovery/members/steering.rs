//! What other servers ask of those who are connected here.

use socketioxide_core::{adapter::Room, packet::Sid};

use super::{Members, Stage};
use crate::recovery::session::{Owner, Pid, State};

/// Whether a session that another server wants is here.
#[derive(Debug)]
pub(in crate::recovery) enum Surrender {
    /// It is not, or it is somebody else's.
    Nothing,
    /// It is on its way into the log.
    Leaving,
    /// Here it is, and the connection that had it.
    Taken(Box<State>, Sid),
}

/// A client as others see it.
#[derive(Debug)]
pub(in crate::recovery) struct Seen {
    /// The id that others know.
    pub(in crate::recovery) id: Sid,
    /// That of its connection.
    pub(in crate::recovery) sid: Sid,
    pub(in crate::recovery) rooms: Vec<Room>,
}

impl Members {
    /// Another server's client wants its session, which may be here still.
    pub(in crate::recovery) fn surrender(&self, pid: &Pid, owner: &Owner) -> Surrender {
        let mut inner = self.lock();
        let delivered = inner.delivered;
        let Some(sid) = inner.by_pid.get(pid).copied() else { return Surrender::Nothing };
        match inner.by_sid.get(&sid) {
            Some(member) if !member.state.owner.is(owner) => Surrender::Nothing,
            Some(member) if member.stage == Stage::Gone => Surrender::Leaving,
            Some(_) => {
                let Some(mut member) = inner.remove(sid) else { return Surrender::Nothing };
                if member.stage == Stage::Live {
                    member.state.position = member.state.position.max(delivered);
                }
                Surrender::Taken(Box::new(member.state), sid)
            }
            None => Surrender::Nothing,
        }
    }

    /// Those who are meant.
    pub(in crate::recovery) fn seen(&self, rooms: &[Room], except: &[Room]) -> Vec<Seen> {
        let Some(adapter) = self.adapter() else { return Vec::new() };
        let inner = self.lock();
        let targets = inner.targets(&adapter, rooms, except);
        let seen = |sid: Sid| {
            let id = inner.by_sid.get(&sid).map_or(sid, |member| member.state.id);
            Seen { id, sid, rooms: adapter.rooms_of(sid) }
        };
        targets.into_iter().map(seen).collect()
    }
}
