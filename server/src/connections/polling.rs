//! A session that polls, as far as its requests have to know of each other.

use std::{
    sync::{
        Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::{
    engine::payload,
    farewell::{Cause, Farewell},
    metrics::Traffic,
    overload::{Limits, Pace},
    packet::{OpenAcks, Packet},
};

/// A session that polls.
#[derive(Debug)]
pub struct Poll {
    eio: u8,
    books: Mutex<Books>,
    /// Requests that bring messages and are not done.
    posts: AtomicU32,
    departure: OnceLock<Farewell>,
    is_leaving: AtomicBool,
    is_refused: AtomicBool,
    has_heard: AtomicBool,
    noted: OnceLock<Cause>,
    /// To the poll that waits, and to whoever waits for the session to be quiet.
    changed: Notify,
}

#[derive(Debug)]
struct Books {
    open: OpenAcks,
    pace: Option<Pace>,
}

/// A request that brings messages.
#[derive(Debug)]
pub struct PollGuard<'p>(&'p Poll);

impl Drop for PollGuard<'_> {
    fn drop(&mut self) {
        self.0.posts.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }
}

impl Poll {
    pub(super) fn new(eio: u8, limits: &Limits) -> Self {
        Self {
            eio,
            books: Mutex::new(Books { open: OpenAcks::default(), pace: limits.pace() }),
            posts: AtomicU32::new(0),
            departure: OnceLock::new(),
            is_leaving: AtomicBool::new(false),
            is_refused: AtomicBool::new(false),
            has_heard: AtomicBool::new(false),
            noted: OnceLock::new(),
            changed: Notify::new(),
        }
    }

    /// Version of Engine.IO.
    #[must_use]
    pub const fn eio(&self) -> u8 {
        self.eio
    }

    /// A request begins that brings messages.
    pub fn posts(&self) -> PollGuard<'_> {
        self.posts.fetch_add(1, Ordering::SeqCst);
        PollGuard(self)
    }

    /// What a request brings. How long it has to wait before it is handed on.
    ///
    /// # Errors
    /// How to end the session when its client has been too fast for too long.
    pub fn received(&self, body: &Bytes, traffic: &Traffic) -> Result<Option<Duration>, Farewell> {
        let now = Instant::now();
        let mut books = self.books();
        let mut messages = 0;
        payload::each(self.eio, body, |packet| match packet {
            payload::Packet::Message(text) => {
                messages += 1;
                traffic.received(text.len() as u64);
                if let Packet::Event { ack: Some(id), .. } = Packet::read(text) {
                    books.open.asked(id, now);
                }
            }
            payload::Packet::Binary(length) => {
                messages += 1;
                traffic.received(length as u64);
            }
            payload::Packet::Close => drop(self.noted.set(Cause::Client)),
            payload::Packet::Other => {}
        });
        let Some(pace) = &mut books.pace else { return Ok(None) };
        pace.took(messages, now);
        let pause = pace.pause(now)?;
        if pause.is_none() {
            pace.caught_up();
        }
        Ok(pause)
    }

    /// What a poll is answered with.
    pub fn sent(&self, body: &Bytes, traffic: &Traffic) {
        let mut books = self.books();
        payload::each(self.eio, body, |packet| match packet {
            payload::Packet::Message(text) => {
                traffic.sent(text.len() as u64);
                if let Packet::Ack { id } = Packet::read(text) {
                    books.open.given(id);
                }
            }
            payload::Packet::Binary(length) => traffic.sent(length as u64),
            payload::Packet::Close | payload::Packet::Other => {}
        });
        drop(books);
        self.changed.notify_waiters();
    }

    /// Lets the session leave. False when it is leaving already.
    pub fn depart(&self, farewell: Farewell) -> bool {
        self.departure.set(farewell).is_ok()
    }

    /// Whether it is leaving.
    #[must_use]
    pub fn is_departing(&self) -> bool {
        self.departure.get().is_some()
    }

    /// No request brings messages, and nobody waits for an acknowledgement.
    pub async fn quiet(&self) {
        self.until(|poll| poll.posts.load(Ordering::SeqCst) == 0 && poll.books().open.are_settled(Instant::now()))
            .await;
    }

    /// The poll that waits, or the next one, is answered with the farewell once there is nothing else to answer it with.
    pub fn leave(&self) {
        self.is_leaving.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// The poll that waits, or the next one, is answered with the farewell whatever there is.
    pub fn refuse(&self, farewell: Farewell) {
        self.noted.set(farewell.cause).ok();
        self.is_refused.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Waits until the client is to hear nothing more.
    pub async fn refused(&self) {
        self.until(|poll| poll.is_refused.load(Ordering::SeqCst)).await;
    }

    /// Waits until it is time to say farewell.
    pub async fn leaving(&self) {
        self.until(|poll| poll.is_leaving.load(Ordering::SeqCst)).await;
    }

    /// The client has been told.
    pub fn told(&self) {
        self.has_heard.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    /// Waits until the client has been told and all that it had sent before has come.
    pub async fn heard(&self) {
        self.until(|poll| poll.has_heard.load(Ordering::SeqCst) && poll.posts.load(Ordering::SeqCst) == 0).await;
    }

    /// Says why the session is going to end, if it does by itself.
    pub fn note(&self, cause: Cause) {
        self.noted.set(cause).ok();
    }

    /// Why the session ended, if that is known.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        let departure = self.departure.get().map(|farewell| farewell.cause);
        self.noted.get().copied().or(departure)
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if holds(self) {
                return;
            }
            changed.await;
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("nothing panics under this lock")
    }
}
