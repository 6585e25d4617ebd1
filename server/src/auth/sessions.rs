//! Connections with a token, in the order in which the tokens expire: one timer serves them all.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use socketioxide::socket::Sid;

use super::verify::{Identity, LEEWAY};
use crate::recovery::SocketRef;

/// Connections with a token.
#[derive(Debug, Default)]
pub struct Sessions {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_end: BTreeMap<(u64, u64), Sid>,
}

/// A connection with a token. It travels with its socket.
#[derive(Debug)]
pub struct Session {
    /// Whom the token names.
    pub identity: Identity,
    place: (u64, u64),
    sessions: Arc<Sessions>,
}

/// A connection whose time is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub(super) sid: Sid,
    pub(super) number: u64,
}

impl Sessions {
    pub(super) fn open(self: &Arc<Self>, sid: Sid, identity: Identity) -> Arc<Session> {
        let mut open = self.lock();
        let place = (identity.expires_at.saturating_add(LEEWAY), open.next);
        open.next += 1;
        open.by_end.insert(place, sid);
        Arc::new(Session { identity, place, sessions: Arc::clone(self) })
    }

    pub(super) fn due(&self, now: u64) -> Vec<Due> {
        let open = self.lock();
        open.by_end.range(..(now, 0)).map(|((_, number), sid)| Due { sid: *sid, number: *number }).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().expect("nothing panics under this lock")
    }
}

impl Session {
    /// Tells it from another of the same client.
    pub(super) const fn number(&self) -> u64 {
        self.place.1
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.sessions.lock().by_end.remove(&self.place);
    }
}

/// The session of a socket that connected with a token.
pub(super) fn of(socket: &SocketRef) -> Option<Arc<Session>> {
    socket.extensions.get::<Arc<Session>>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_due_after_its_leeway_and_gone_with_its_socket() {
        let sessions = Arc::new(Sessions::default());
        let session = |end| sessions.open(Sid::new(), Identity::until(end));
        let (early, late) = (session(100), session(200));
        assert!(sessions.due(100 + LEEWAY).is_empty());
        assert_eq!(sessions.due(101 + LEEWAY).len(), 1);
        assert_eq!(sessions.due(u64::MAX).len(), 2);
        drop(early);
        assert!(sessions.due(101 + LEEWAY).is_empty());
        drop(late);
        assert!(sessions.lock().by_end.is_empty());
        drop(session(u64::MAX));
    }
}
