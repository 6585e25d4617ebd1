//! Who has to leave, and when.

use std::{sync::Arc, time::Instant};

use super::{Connections, Handle};
use crate::line::Line;

impl Connections {
    /// The WebSockets that are not leaving yet: when each has to at the latest, in that order, and its number.
    #[must_use]
    pub fn dues(&self) -> Vec<(Instant, u64)> {
        self.lock().dues.iter().copied().collect()
    }

    /// Takes one of them out, to make it leave.
    #[must_use]
    pub fn take_due(&self, due: (Instant, u64)) -> Option<Arc<Line>> {
        let mut open = self.lock();
        open.dues.remove(&due).then_some(())?;
        open.websockets.get(&due.1).map(|websocket| Arc::clone(&websocket.line))
    }

    /// Takes out one that was open before, to make it leave: the WebSocket that has to soonest, or else the session that has polled for longest.
    #[must_use]
    pub fn take_before(&self, moment: Instant) -> Option<Handle> {
        let open = &mut *self.lock();
        let was_open =
            |number: &u64| open.websockets.get(number).is_some_and(|websocket| websocket.facts.opened < moment);
        let due = open.dues.iter().find(|(_, number)| was_open(number)).copied();
        if let Some(due) = due {
            open.dues.remove(&due);
            return open.websockets.get(&due.1).map(|websocket| Handle::WebSocket(Arc::clone(&websocket.line)));
        }
        let polls = open
            .polling
            .iter_mut()
            .filter(|(_, session)| session.websocket.is_none() && !session.is_taken && session.facts.opened < moment);
        let (sid, session) = polls.min_by_key(|(_, session)| session.facts.opened)?;
        session.is_taken = true;
        Some(Handle::Polling(*sid, Arc::clone(&session.poll)))
    }

    /// Every session, and when it has to leave at the latest if it has to.
    #[must_use]
    pub fn everyone(&self) -> Vec<(Option<Instant>, Handle)> {
        let open = self.lock();
        let polling = open.polling.iter().filter(|(_, session)| session.websocket.is_none());
        let polling = polling.map(|(sid, session)| (None, Handle::Polling(*sid, Arc::clone(&session.poll))));
        let websockets = open.websockets.values();
        let websockets =
            websockets.map(|websocket| (Some(websocket.due), Handle::WebSocket(Arc::clone(&websocket.line))));
        polling.chain(websockets).collect()
    }

    /// A shorter age is in force: those that would stay longer leave sooner.
    pub fn hasten(&self, mut due: impl FnMut() -> Instant) {
        let open = &mut *self.lock();
        for (was, number) in std::mem::take(&mut open.dues) {
            let Some(websocket) = open.websockets.get_mut(&number) else { continue };
            websocket.due = was.min(due());
            open.dues.insert((websocket.due, number));
        }
    }
}
