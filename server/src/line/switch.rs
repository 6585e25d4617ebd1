//! The outside of a wire: what the rest of the server may ask of it, and hears of it.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use futures::task::AtomicWaker;
use socketioxide::socket::Sid;
use tokio::sync::watch;

use super::{Core, Message};
use crate::farewell::{Cause, Farewell};

/// The outside of a wire.
#[derive(Debug, Default)]
pub struct Line {
    cut: OnceLock<Farewell>,
    departure: OnceLock<Arc<Departure>>,
    sid: OnceLock<Sid>,
    is_quiet: AtomicBool,
    is_established: AtomicBool,
    reader: AtomicWaker,
    /// Events that the engine was given for this client.
    given: AtomicU32,
    /// The inside, as long as there is a wire. Nobody who has this lock waits for anything, nor takes that of the members.
    core: Mutex<Option<Core>>,
}

/// A connection that is to leave, gently.
#[derive(Debug)]
pub struct Departure {
    farewell: Farewell,
    needs_no_marker: AtomicBool,
    is_forced: AtomicBool,
    stage: watch::Sender<Stage>,
}

/// How far a departure is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// No message is half-way, and every event that asked for it has its acknowledgement.
    pub is_quiet: bool,
    /// How often the moment was not the right one.
    pub missed: u32,
    /// The close frame has left.
    pub has_left: bool,
    /// The connection has ended.
    pub is_over: bool,
}

impl Line {
    /// Ends the connection now; the first farewell counts.
    pub fn cut(&self, farewell: Farewell) {
        self.cut.set(farewell).ok();
        self.reader.wake();
    }

    /// Lets the connection leave. None when it is leaving already.
    pub fn depart(&self, farewell: Farewell) -> Option<Arc<Departure>> {
        let departure = Arc::new(Departure {
            farewell,
            needs_no_marker: AtomicBool::new(false),
            is_forced: AtomicBool::new(false),
            stage: watch::Sender::new(Stage::default()),
        });
        self.departure.set(Arc::clone(&departure)).ok()?;
        let is_quiet = self.is_quiet.load(Ordering::SeqCst);
        departure.stage.send_modify(|stage| stage.is_quiet = is_quiet);
        Some(departure)
    }

    /// Whether it is leaving.
    #[must_use]
    pub fn is_departing(&self) -> bool {
        self.departure.get().is_some()
    }

    /// Whether the session is on this WebSocket, and not on its way to it from polling.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.is_established.load(Ordering::SeqCst)
    }

    /// The engine's id of the session, once it is known.
    #[must_use]
    pub fn sid(&self) -> Option<Sid> {
        self.sid.get().copied()
    }

    /// Why the server ended the connection, or knew that it would end.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        let cut = self.cut.get().map(|farewell| farewell.cause);
        let left = self.departure.get().filter(|departure| departure.stage.borrow().has_left);
        cut.or(left.map(|departure| departure.farewell.cause))
    }

    /// Puts a message where it goes out with the next [`Line::flush`], past the engine. False where that would not be in order, or there
    /// is no room for it: then it is the engine's to send.
    #[must_use]
    pub fn send(&self, message: &Message) -> bool {
        if self.cut.get().is_some() || self.is_departing() {
            return false;
        }
        let Ok(mut core) = self.core.lock() else { return false };
        let given = self.given.load(Ordering::SeqCst);
        core.as_mut().is_some_and(|core| core.send(message, given))
    }

    /// Sends what was put there, as far as the client takes it at once; the rest follows by itself.
    pub fn flush(&self) {
        if let Ok(mut core) = self.core.lock()
            && let Some(core) = core.as_mut()
        {
            core.flush();
        }
    }

    /// The engine is about to be given an event for this client: nothing overtakes it.
    pub fn gives(&self) {
        self.given.fetch_add(1, Ordering::SeqCst);
    }

    /// Gives the engine an event for the client who has this line, if it has one.
    ///
    /// # Errors
    /// Those of the engine, which did not take it.
    pub fn give<T, E>(line: Option<&Self>, event: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        line.inspect(|line| line.gives());
        let given = event();
        if given.is_err() {
            line.inspect(|line| line.gave_nothing());
        }
        given
    }

    /// The engine did not take it.
    pub(super) fn gave_nothing(&self) {
        self.given.fetch_sub(1, Ordering::SeqCst);
    }

    /// Has the wire look at what was asked of it.
    pub fn wake(&self) {
        self.reader.wake();
    }

    /// The connection has ended.
    pub(crate) fn over(&self) {
        if let Some(departure) = self.departure.get() {
            departure.stage.send_modify(|stage| stage.is_over = true);
        }
    }

    pub(crate) fn identify(&self, sid: Sid) {
        self.sid.set(sid).ok();
    }

    pub(super) fn attach(&self, core: Core) {
        *self.core.lock().expect("nothing panics under this lock") = Some(core);
    }

    pub(super) fn detach(&self) -> Option<Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Does something with the inside of a wire that is there.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Core) -> T) -> T {
        let mut core = self.core.lock().expect("nothing panics under this lock");
        act(core.as_mut().expect("it is there for as long as the wire"))
    }

    pub(super) fn is_cut(&self) -> Option<Farewell> {
        self.cut.get().copied()
    }

    pub(super) fn departure(&self) -> Option<&Arc<Departure>> {
        self.departure.get()
    }

    pub(super) fn register(&self, waker: &std::task::Waker) {
        self.reader.register(waker);
    }

    pub(super) fn established(&self) {
        self.is_established.store(true, Ordering::SeqCst);
    }

    pub(super) fn quiet(&self, is_quiet: bool) {
        if self.is_quiet.swap(is_quiet, Ordering::SeqCst) == is_quiet {
            return;
        }
        if let Some(departure) = self.departure.get() {
            departure.stage.send_modify(|stage| stage.is_quiet = is_quiet);
        }
    }
}

impl Departure {
    /// Follows it.
    #[must_use]
    pub fn stage(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    /// The close frame may leave between any two frames: the engine has nothing for this client.
    pub fn without_marker(&self) {
        self.needs_no_marker.store(true, Ordering::SeqCst);
    }

    /// The close frame leaves at the marker, whoever still waits for an acknowledgement.
    pub fn force(&self) {
        self.is_forced.store(true, Ordering::SeqCst);
    }

    /// What the client is told.
    #[must_use]
    pub const fn farewell(&self) -> Farewell {
        self.farewell
    }

    pub(super) fn needs_no_marker(&self) -> bool {
        self.needs_no_marker.load(Ordering::SeqCst)
    }

    pub(super) fn is_forced(&self) -> bool {
        self.is_forced.load(Ordering::SeqCst)
    }

    pub(super) fn missed(&self) {
        self.stage.send_modify(|stage| stage.missed += 1);
    }

    pub(super) fn left(&self) {
        self.stage.send_modify(|stage| stage.has_left = true);
    }
}
