//! What of those who are connected here is written down elsewhere.

use std::{
    collections::HashSet,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};

use socketioxide_core::packet::Sid;
use tokio::sync::mpsc::UnboundedSender;

use super::{Members, Stage};
use crate::recovery::session::{Pid, State};

impl Members {
    /// Has those named whose sessions are not what they were.
    pub(in crate::recovery) fn on_change(&self, changed: UnboundedSender<Sid>) {
        self.changed.set(changed).ok();
    }

    pub(super) fn note(&self, sid: Sid) {
        if let Some(changed) = self.changed.get() {
            changed.send(sid).ok();
        }
    }

    /// The session of one who is connected and may come back.
    pub(in crate::recovery) fn copy(&self, sid: Sid) -> Option<(Pid, State)> {
        let inner = self.lock();
        let member = inner.by_sid.get(&sid).filter(|member| member.stage != Stage::Gone)?;
        let (pid, mut state) = (member.pid.clone()?, member.state.clone());
        if member.stage == Stage::Live {
            state.position = state.position.max(inner.delivered);
        }
        Some((pid, state))
    }

    /// One of so many parts of those who may come back, the same ones each time.
    pub(in crate::recovery) fn part_of(&self, part: u32, parts: u32) -> HashSet<Sid> {
        let hasher = BuildHasherDefault::<DefaultHasher>::new();
        let is_meant = |sid: &Sid| hasher.hash_one(sid) % u64::from(parts) == u64::from(part);
        let inner = self.lock();
        inner.by_pid.values().copied().filter(is_meant).collect()
    }
}
