//! What waits for a client, whatever carries it there.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use engineioxide_core::{PacketBuf, ProtocolVersion};
use tokio::sync::mpsc::error::TrySendError;

use crate::outgoing::Outgoing;

/// Room for so many is kept when nothing waits any more.
const KEPT: usize = 4;

/// Why nothing more is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("too much waits for the client")]
    Full,
    #[error("the session has ended")]
    Ended,
}

impl Refused {
    /// What the public names say, with what was not taken.
    pub(crate) fn with<T>(self, given: T) -> TrySendError<T> {
        match self {
            Self::Full => TrySendError::Full(given),
            Self::Ended => TrySendError::Closed(given),
        }
    }
}

/// What waits for one client, and who carries it.
#[derive(Debug)]
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Outgoing>,
    /// Places that were promised.
    promised: usize,
    /// Goes when nothing else waits, and only the last of several.
    volatile: Option<Outgoing>,
    is_carried: bool,
    carrier: Option<Waker>,
    has_ended: bool,
}

/// Why somebody may not carry what waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotYours {
    /// Another one does.
    Taken,
    /// There is nothing to carry any more.
    Ended,
}

impl Outbox {
    pub(crate) fn new(limit: usize) -> Self {
        Self { inner: Mutex::default(), limit }
    }

    /// Promises a place for one message.
    pub(crate) fn promise(&self) -> Result<(), Refused> {
        let mut inner = self.lock();
        if inner.has_ended {
            return Err(Refused::Ended);
        }
        if inner.waiting.len() + inner.promised >= self.limit {
            return Err(Refused::Full);
        }
        inner.promised += 1;
        Ok(())
    }

    /// Gives a promise back.
    pub(crate) fn forgo(&self) {
        self.lock().promised -= 1;
    }

    /// Takes a message for which there is a promise.
    pub(crate) fn keep(&self, message: Outgoing) {
        let mut inner = self.lock();
        inner.promised -= 1;
        if !inner.has_ended {
            inner.waiting.push_back(message);
        }
        wake(inner);
    }

    /// Takes a message if there is room for it.
    pub(crate) fn push(&self, message: Outgoing) -> Result<(), Refused> {
        self.promise()?;
        self.keep(message);
        Ok(())
    }

    /// Takes one of the protocol's own packets, for which there always is room: their number is limited by the protocol.
    pub(crate) fn signal(&self, packet: Outgoing) {
        let mut inner = self.lock();
        if !inner.has_ended {
            inner.waiting.push_back(packet);
        }
        wake(inner);
    }

    /// Takes what is lost if another one comes before it is sent.
    pub(crate) fn volatile(&self, message: Outgoing) -> bool {
        let mut inner = self.lock();
        if inner.has_ended {
            return false;
        }
        inner.volatile = Some(message);
        wake(inner);
        true
    }

    /// The next one.
    pub(crate) fn pop(&self) -> Option<Outgoing> {
        let mut inner = self.lock();
        let next = inner.waiting.pop_front().or_else(|| inner.volatile.take());
        if inner.waiting.is_empty() && inner.waiting.capacity() > KEPT {
            inner.waiting = VecDeque::new();
        }
        next
    }

    /// The next one as packets. None when there will be no more.
    pub(crate) fn poll_packets(&self, protocol: ProtocolVersion, cx: &mut Context<'_>) -> Poll<Option<PacketBuf>> {
        self.attend(cx.waker());
        // Asked first: what came before the end is then among what is popped.
        let has_ended = self.has_ended();
        match self.pop() {
            Some(next) => Poll::Ready(Some(next.into_packets(protocol))),
            None if has_ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// Puts what did not fit back to the front.
    pub(crate) fn put_back(&self, packets: PacketBuf) {
        if let Some(first) = Outgoing::from_packets(packets) {
            self.lock().waiting.push_front(first);
        }
    }

    /// Asks for the right to carry what waits.
    pub(crate) fn claim(&self) -> Result<(), NotYours> {
        let mut inner = self.lock();
        if inner.is_carried {
            return Err(NotYours::Taken);
        }
        if inner.has_ended {
            return Err(NotYours::Ended);
        }
        inner.is_carried = true;
        Ok(())
    }

    /// Gives that right back. True when it was the last, because the session has ended.
    pub(crate) fn yield_up(&self) -> bool {
        let mut inner = self.lock();
        inner.is_carried = false;
        inner.carrier = None;
        inner.has_ended
    }

    /// Has the carrier woken for what comes from now on.
    pub(crate) fn attend(&self, waker: &Waker) {
        let mut inner = self.lock();
        match &mut inner.carrier {
            Some(carrier) => carrier.clone_from(waker),
            carrier @ None => *carrier = Some(waker.clone()),
        }
    }

    /// Takes nothing more. True when nobody carries what waits, so that nothing more is sent either.
    pub(crate) fn end(&self) -> bool {
        let mut inner = self.lock();
        inner.has_ended = true;
        let is_over = !inner.is_carried;
        wake(inner);
        is_over
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.lock().has_ended
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nothing panics under this lock")
    }
}

/// Once is enough until the carrier asks again.
fn wake(mut inner: MutexGuard<'_, Inner>) {
    let carrier = inner.carrier.take();
    drop(inner);
    if let Some(carrier) = carrier {
        carrier.wake();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn text(text: &'static str) -> Outgoing {
        Outgoing::Text(text.into())
    }

    #[test]
    fn what_is_promised_has_its_place() {
        let outbox = Outbox::new(2);
        outbox.promise().expect("room");
        outbox.push(text("1")).expect("room");
        assert_eq!(outbox.push(text("2")), Err(Refused::Full));
        outbox.forgo();
        outbox.push(text("3")).expect("room again");
        outbox.signal(Outgoing::Ping);
        let all: Vec<_> = std::iter::from_fn(|| outbox.pop()).collect();
        assert_eq!(all, [text("1"), text("3"), Outgoing::Ping]);
    }

    #[test]
    fn the_last_volatile_message_goes_behind_all_others() {
        let outbox = Outbox::new(8);
        assert!(outbox.volatile(text("old")) && outbox.volatile(text("new")));
        outbox.push(text("1")).expect("room");
        assert_eq!([outbox.pop(), outbox.pop(), outbox.pop()], [Some(text("1")), Some(text("new")), None]);
    }

    #[test]
    fn a_session_that_ended_takes_nothing_and_gives_what_it_has() {
        let outbox = Outbox::new(8);
        outbox.push(text("1")).expect("room");
        assert_eq!(outbox.claim(), Ok(()));
        assert!(!outbox.end(), "somebody carries the rest");
        assert_eq!(outbox.push(text("2")), Err(Refused::Ended));
        assert!(!outbox.volatile(text("3")));
        outbox.signal(Outgoing::Ping);
        assert_eq!([outbox.pop(), outbox.pop()], [Some(text("1")), None]);
        assert!(outbox.yield_up());
        assert_eq!(outbox.claim(), Err(NotYours::Ended));
    }

    #[test]
    fn one_at_a_time_carries() {
        let outbox = Outbox::new(8);
        assert_eq!([outbox.claim(), outbox.claim()], [Ok(()), Err(NotYours::Taken)]);
        assert!(!outbox.yield_up());
        assert_eq!(outbox.claim(), Ok(()));
    }

    #[test]
    fn what_did_not_fit_comes_first_the_next_time() {
        for protocol in [ProtocolVersion::V3, ProtocolVersion::V4] {
            let outbox = Outbox::new(8);
            let attached = Outgoing::Attached(Box::new(("1".into(), VecDeque::from([Bytes::from_static(b"2")]))));
            for message in [attached, text("3"), Outgoing::Binary(Bytes::from_static(b"4")), Outgoing::Ping] {
                outbox.push(message.clone()).expect("room");
                let packets = outbox.pop().expect("a message").into_packets(protocol);
                outbox.push(text("later")).expect("room");
                outbox.put_back(packets);
                assert_eq!([outbox.pop(), outbox.pop()], [Some(message), Some(text("later"))]);
            }
        }
    }

    #[test]
    fn an_empty_outbox_keeps_no_more_than_a_little_room() {
        let outbox = Outbox::new(1000);
        (0..100).for_each(|_| outbox.push(text("x")).expect("room"));
        while outbox.pop().is_some() {}
        assert!(outbox.lock().waiting.capacity() <= KEPT);
    }
}
