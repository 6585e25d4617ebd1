//! The way out: fail readiness, go on serving until the load balancer has noticed, then move connections away one by one.

use std::{sync::Arc, time::Duration};

use rand::seq::SliceRandom;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{self, Instant},
};

use crate::{connections::Connections, engine::Engine, line::Farewell};

/// How long sessions may take to end after they were told to.
const LAST_WORDS: Duration = Duration::from_secs(3);

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

/// Ends all sessions. A second signal hurries.
pub async fn drain(
    engine: &Engine,
    connections: &Arc<Connections>,
    phase: &watch::Sender<Phase>,
    (detach, drain): (Duration, Duration),
    signals: &mut Signals,
) {
    phase.send_replace(Phase::Detaching);
    let gentle = async {
        if !detach.is_zero() {
            tracing::info!(
                connections = connections.count(),
                "serving for {} more",
                humantime::format_duration(detach)
            );
            time::sleep(detach).await;
        }
        phase.send_replace(Phase::Draining);
        let count = connections.count();
        if count > 0 {
            let over = humantime::format_duration(drain);
            tracing::info!(connections = count, "moving connections away over {over}; a second signal hurries");
        }
        spread(engine, connections, drain).await;
    };
    tokio::select! {
        () = gentle => {}
        signal = signals.next() => tracing::info!(signal, "hurrying"),
    }
    phase.send_replace(Phase::Draining);
    let deadline = Instant::now() + LAST_WORDS;
    while connections.count() > 0 && Instant::now() < deadline {
        // Some may have opened between the last look and the change of phase.
        engine.close(&connections.select(|_| false), Farewell::SHUTDOWN, "shutdown").await;
        time::sleep(Duration::from_millis(20)).await;
    }
    connections.goodbyes.close();
    time::timeout(LAST_WORDS, connections.goodbyes.wait()).await.ok();
    tracing::info!(left = connections.count(), "bye");
}

/// In an order that has nothing to do with age, so that no group of clients comes back at once; the first at once, the last
/// just before the end.
async fn spread(engine: &Engine, connections: &Connections, drain: Duration) {
    let mut handles = connections.select(|_| false);
    handles.shuffle(&mut rand::rng());
    let count = u32::try_from(handles.len()).unwrap_or(u32::MAX).max(1);
    let start = Instant::now();
    for (index, handle) in (0..count).zip(&handles) {
        time::sleep_until(start + drain.mul_f64(f64::from(index) / f64::from(count))).await;
        if connections.count() == 0 {
            return;
        }
        engine.close(std::slice::from_ref(handle), Farewell::SHUTDOWN, "shutdown").await;
    }
}
