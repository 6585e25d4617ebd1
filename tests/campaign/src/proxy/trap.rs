//! Everything stops at one write, so that an operator dies at just that moment.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{ARRIVAL, Error};

/// Where in the life of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before it is sent.
    Before,
    /// After it committed, before the reply.
    Committed,
    /// After the reply, before the next write.
    Replied,
}

impl Moment {
    /// All.
    pub const ALL: [Self; 3] = [Self::Before, Self::Committed, Self::Replied];
}

/// The trap at the n-th write from when it was set.
pub struct Trap {
    at: usize,
    moment: Moment,
    turns: AtomicUsize,
    sprung: watch::Sender<bool>,
    over: watch::Sender<bool>,
}

impl Trap {
    pub(crate) fn new(at: usize, moment: Moment) -> Self {
        let (sprung, over) = (watch::Sender::new(false), watch::Sender::new(false));
        Self { at, moment, turns: AtomicUsize::new(0), sprung, over }
    }

    /// Waits until the write came; false when it did not in time.
    pub async fn sprung(&self, limit: Duration) -> bool {
        let mut sprung = self.sprung.subscribe();
        tokio::time::timeout(limit, sprung.wait_for(|sprung| *sprung)).await.is_ok()
    }

    pub(crate) fn turn(&self) -> usize {
        self.turns.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn stops_before(&self, turn: usize) -> bool {
        turn > self.at || (turn == self.at && self.moment == Moment::Before)
    }

    pub(crate) fn stops_committed(&self, turn: usize) -> bool {
        turn == self.at && self.moment == Moment::Committed
    }

    pub(crate) fn replied(self: Arc<Self>, turn: usize) {
        if turn == self.at {
            tokio::spawn(async move {
                tokio::time::sleep(ARRIVAL).await;
                self.sprung.send_replace(true);
            });
        }
    }

    pub(crate) async fn hold(&self) -> Error {
        self.sprung.send_replace(true);
        let mut over = self.over.subscribe();
        // It cannot be closed while it is borrowed.
        let _ = over.wait_for(|over| *over).await;
        "the trap was taken away".into()
    }

    pub(crate) fn end(&self) {
        self.over.send_replace(true);
    }
}
