//! The way out: fail readiness, go on serving until the load balancer has noticed, then move connections away one by one.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand::seq::SliceRandom;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time,
};
use tokio_util::task::TaskTracker;

use crate::{
    connections::{Connections, Handle, emptied},
    engine::Engine,
    farewell::Farewell,
    lifetime::mover::Mover,
    peers::Peers,
};

/// How long sessions may take to end after they were told to.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Longest that one connection waits for the right moment.
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);

/// What the process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Serving.
    Serving,
    /// Serving still, while the load balancer takes it out.
    Detaching,
    /// Closing connections; no new sessions.
    Draining,
}

/// Signals that end the process.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Listens for SIGTERM and SIGINT.
    ///
    /// # Errors
    /// When the system has no room for a handler.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next one.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Ends all sessions.
#[derive(Debug)]
pub struct Drain {
    /// Every open session.
    pub connections: Arc<Connections>,
    /// Who moves them.
    pub mover: Arc<Mover>,
    /// Replicas that have sessions whose WebSockets lead through this one.
    pub peers: Option<Arc<Peers>>,
    /// For those that cannot be moved.
    pub engine: Engine,
    /// What the process is doing.
    pub phase: watch::Sender<Phase>,
    /// How long to go on serving first.
    pub detach: Duration,
    /// Over which time the sessions are moved.
    pub window: Duration,
}

impl Drain {
    /// Returns when there are none any more, or cannot be. A second signal hurries.
    pub async fn run(self, signals: &mut Signals) {
        self.phase.send_replace(Phase::Detaching);
        let until = Instant::now() + self.detach + self.window;
        let moves = TaskTracker::new();
        let gentle = async {
            if !self.detach.is_zero() {
                let detach = humantime::format_duration(self.detach);
                tracing::info!(connections = self.connections.count(), "serving for {detach} more");
                time::sleep(self.detach).await;
            }
            self.phase.send_replace(Phase::Draining);
            tokio::join!(self.spread(&moves), self.leave_peers());
            moves.close();
            moves.wait().await;
        };
        let is_hurried = tokio::select! {
            () = gentle => false,
            signal = signals.next() => {
                tracing::info!(signal, "hurrying");
                self.phase.send_replace(Phase::Draining);
                self.mover.hurry();
                true
            }
        };
        // Those that are waiting for their turn, and those that opened between the last look and the change of phase.
        for (_, handle) in self.connections.everyone() {
            self.depart(&moves, handle, Duration::ZERO);
        }
        if let Some(peers) = &self.peers {
            let left = if is_hurried { Duration::ZERO } else { until.saturating_duration_since(Instant::now()) };
            peers.finish(left.max(LAST_WORDS)).await;
        }
        if emptied(&self.connections, LAST_WORDS).await > 0 {
            self.engine.close(&self.connections.select(|_| false), Farewell::DRAIN).await;
            emptied(&self.connections, LAST_WORDS).await;
        }
        self.connections.goodbyes.close();
        time::timeout(LAST_WORDS, self.connections.goodbyes.wait()).await.ok();
        tracing::info!(left = self.connections.count(), "bye");
    }

    async fn leave_peers(&self) {
        if let Some(peers) = &self.peers {
            peers.leave(self.window).await;
        }
    }

    /// One after the other, evenly, in an order that has nothing to do with age, so that no group of clients comes back at once; but
    /// nobody later than its age allows.
    async fn spread(&self, moves: &TaskTracker) {
        let mut everyone = self.connections.everyone();
        if everyone.is_empty() {
            return;
        }
        let over = humantime::format_duration(self.window);
        tracing::info!(connections = everyone.len(), "moving connections away over {over}; a second signal hurries");
        everyone.shuffle(&mut rand::rng());
        let patience = self.window.mul_f64(0.1).min(LONGEST_PATIENCE);
        let start = Instant::now();
        let slot = |index: usize| start + (self.window - patience).mul_f64(index as f64 / everyone.len() as f64);
        let mut turns: Vec<_> = everyone
            .iter()
            .enumerate()
            .map(|(index, (due, handle))| (due.map_or(slot(index), |due| due.min(slot(index))), handle.clone()))
            .collect();
        turns.sort_by_key(|(at, _)| *at);
        for (at, handle) in turns {
            time::sleep_until(at.into()).await;
            if self.connections.count() == 0 {
                return;
            }
            self.depart(moves, handle, patience);
        }
    }

    fn depart(&self, moves: &TaskTracker, handle: Handle, patience: Duration) {
        let mover = Arc::clone(&self.mover);
        moves.spawn(async move { mover.depart(handle, Farewell::DRAIN, patience).await });
    }
}
