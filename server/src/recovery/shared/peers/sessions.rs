//! Sessions that another replica may hold.

use std::{collections::HashSet, sync::atomic::Ordering};

use tokio::{sync::oneshot, time::timeout};

use super::{Peers, Wanted, Word};
use crate::recovery::{
    session::{Owner, Pid},
    shared::HANDOVER,
};

impl Peers {
    /// Whether a replica listens, as far as Redis knows.
    pub(in crate::recovery::shared) async fn listens(&self, uid: &str) -> bool {
        let Some(backplane) = self.backplane.get() else { return false };
        backplane.subscribers(&self.channels.ours_of(uid)).await.map_or(true, |count| count > 0)
    }

    /// Has the replica that holds a session put it into Redis. Names those that were asked and said nothing.
    pub(in crate::recovery::shared) async fn fetch(&self, pid: &Pid, owner: &Owner) -> HashSet<String> {
        let (found, answer) = oneshot::channel();
        let request = self.request.fetch_add(1, Ordering::Relaxed);
        {
            let mut inner = self.lock();
            let missing: HashSet<String> = inner.others.keys().cloned().collect();
            if missing.is_empty() {
                return missing;
            }
            inner.wanted.insert(request, Wanted { missing, found });
        }
        let (uid, pid, owner) = (self.uid.to_string(), pid.as_str().to_owned(), owner.clone());
        self.say(&self.channels.ours, &Word::Wanted { uid, request, pid, owner });
        timeout(HANDOVER, answer).await.ok();
        self.lock().wanted.remove(&request).map(|wanted| wanted.missing).unwrap_or_default()
    }

    /// Answers one that wants a session.
    pub(in crate::recovery::shared) fn surrendered(&self, to: &str, request: u64, is_stored: bool) {
        let word = Word::Surrendered { uid: self.uid.to_string(), request, is_stored };
        self.say(&self.channels.ours_of(to), &word);
    }
}
