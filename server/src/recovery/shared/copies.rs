//! A copy in Redis of every session whose client is here: a server that dies at once cannot hand over anything.
//!
//! A copy is written when its client comes and when its rooms change, and again before it runs out. Its place in the log is as old as it is
//! itself, which costs nothing: the client says what it received. It counts only when the server that wrote it is gone.

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::{StreamExt, stream};
use realtime_backplane::Backplane;
use serde::{Deserialize, Serialize};
use socketioxide_core::packet::Sid;
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{self, MissedTickBehavior},
};

use crate::recovery::{
    members::Members,
    session::{Pid, State},
};

/// Begins the names of copies, so that no server takes one for a session that waits for its client.
const NAME: &str = "live:";
/// Changes that are written together, and requests that are under way at once.
const BATCH: usize = 1024;
const AT_ONCE: usize = 64;
/// Into so many parts the rewriting of all copies is spread.
const PARTS: u32 = 16;

/// A session as its server had it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Copy {
    /// The server.
    pub(super) uid: String,
    /// The session.
    pub(super) state: State,
}

/// Copies in Redis.
#[derive(Clone)]
pub(super) struct Copies {
    uid: Arc<str>,
    backplane: Backplane,
    window: Duration,
}

impl Copies {
    pub(super) const fn new(uid: Arc<str>, backplane: Backplane, window: Duration) -> Self {
        Self { uid, backplane, window }
    }

    /// Writes copies of those that `changed` names, and of all in turn.
    pub(super) async fn keep(self, members: Weak<Members>, mut changed: UnboundedReceiver<Sid>) {
        // A client has the whole window from the last copy on, however old that is.
        let mut turns = time::interval((self.window / 2 / PARTS).max(Duration::from_millis(10)));
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut turn = 0;
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let sids: HashSet<Sid> = tokio::select! {
                count = changed.recv_many(&mut batch, BATCH) => match count {
                    0 => return,
                    _ => batch.drain(..).collect(),
                },
                _ = turns.tick() => {
                    turn = (turn + 1) % PARTS;
                    let Some(members) = members.upgrade() else { return };
                    members.part_of(turn, PARTS)
                }
            };
            let Some(members) = members.upgrade() else { return };
            stream::iter(sids).for_each_concurrent(AT_ONCE, |sid| self.write(&members, sid)).await;
        }
    }

    async fn write(&self, members: &Members, sid: Sid) {
        // Nothing is awaited between the look and the request: a session that goes into Redis itself goes there later.
        let Some((pid, state)) = members.copy(sid) else { return };
        self.put(&pid, state).await;
    }

    /// Writes one.
    pub(super) async fn put(&self, pid: &Pid, state: State) {
        let copy = Copy { uid: self.uid.to_string(), state };
        let Ok(copy) = serde_json::to_string(&copy) else { return };
        let kept = self.backplane.store_session(&name(pid), &copy, self.window + self.window / 2).await;
        if let Err(problem) = kept {
            tracing::debug!(%problem, "a session has no copy");
        }
    }

    /// The copy of a session, if there is one.
    pub(super) async fn find(&self, pid: &Pid) -> Option<Copy> {
        let copy = self.backplane.session_of(&name(pid)).await.ok().flatten()?;
        serde_json::from_str(&copy).ok()
    }

    /// Takes it away. None where somebody else did.
    pub(super) async fn take(&self, pid: &Pid) -> Option<State> {
        let copy = self.backplane.take_session(&name(pid)).await.ok().flatten()?;
        serde_json::from_str(&copy).ok().map(|copy: Copy| copy.state)
    }
}

fn name(pid: &Pid) -> String {
    format!("{NAME}{}", pid.as_str())
}
