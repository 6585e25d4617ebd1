//! How a connection is moved away: what the server has for the client goes out, what the client sent is handled and acknowledged, and
//! then it is told to come back, in the words that its library understands.

use std::{fmt, sync::Arc, time::Duration};

use socketioxide::socket::Sid;
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::numbers::Move;
use crate::{
    connections::{Handle, Poll},
    engine::Engine,
    farewell::Farewell,
    line::{Departure, GOODBYE, Line, Stage},
    metrics::Metrics,
};

/// How long the marker may take through the engine's buffer when time is up.
const MARKER: Duration = Duration::from_millis(500);
/// After the buffer was found full.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a client that polls may take until it polls again.
const NEXT_POLL: Duration = Duration::from_secs(2);
/// How long a request of a client that polls may be on its way.
const ON_THE_WAY: Duration = Duration::from_millis(500);

/// What became of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It is in the client's buffer, behind all that was there.
    Sent,
    /// There is no room for it now.
    Full,
    /// The client has no buffer: it is not connected to Socket.IO.
    NoSocket,
}

/// How a departure went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nobody waited for anything.
    Quiet,
    /// Time was up.
    Forced,
    /// The client ended the connection before.
    Gone,
}

/// Counts the sessions that are on their way out.
struct Moving<'m>(&'m Metrics);

impl<'m> Moving<'m> {
    fn new(metrics: &'m Metrics) -> Self {
        metrics.lifetime.moving.inc();
        Self(metrics)
    }
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        self.0.lifetime.moving.dec();
    }
}

/// Puts a marker into a client's buffer.
pub type Ask = Box<dyn Fn(Sid) -> Asked + Send + Sync>;

/// Moves connections away.
pub struct Mover {
    engine: Engine,
    metrics: Arc<Metrics>,
    ask: Ask,
    hurry: CancellationToken,
}

impl fmt::Debug for Mover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mover").finish_non_exhaustive()
    }
}

impl Mover {
    /// With the server whose connections they are.
    #[must_use]
    pub fn new(engine: Engine, metrics: Arc<Metrics>, ask: Ask) -> Self {
        Self { engine, metrics, ask, hurry: CancellationToken::new() }
    }

    /// From now on nobody waits for the right moment.
    pub fn hurry(&self) {
        self.hurry.cancel();
    }

    /// Moves one away; for the right moment it waits so long at the most. Returns when the connection has ended, as far as is known.
    pub async fn depart(&self, handle: Handle, farewell: Farewell, patience: Duration) {
        let _moving = Moving::new(&self.metrics);
        let outcome = match handle {
            Handle::WebSocket(line) => match line.depart(farewell) {
                Some(departure) => self.websocket(&line, &departure, patience).await,
                None => return,
            },
            Handle::Polling(sid, poll) => match poll.depart(farewell) {
                true => self.polling(sid, &poll, patience).await,
                false => return,
            },
        };
        let outcome = match outcome {
            Outcome::Quiet => "quiet",
            Outcome::Forced => "forced",
            Outcome::Gone => return,
        };
        let labels = Move { cause: farewell.cause.as_str(), outcome };
        self.metrics.lifetime.moves.get_or_create(&labels).inc();
    }

    async fn websocket(&self, line: &Line, departure: &Departure, patience: Duration) -> Outcome {
        let mut stage = departure.stage();
        line.wake();
        let is_quiet = tokio::select! {
            () = self.settle(line, departure) => true,
            () = time::sleep(patience) => false,
            () = self.hurry.cancelled() => false,
        };
        if !is_quiet {
            departure.force();
            let is_asked = line.is_established() && self.ask(line, departure) != Asked::Full;
            let left = stage.wait_for(|stage| stage.has_left || stage.is_over);
            if !is_asked || time::timeout(MARKER, left).await.is_err() {
                line.cut(departure.farewell());
            }
        }
        time::timeout(2 * GOODBYE, stage.wait_for(|stage| stage.is_over)).await.ok();
        match (is_quiet, stage.borrow().has_left) {
            (true, true) => Outcome::Quiet,
            (true, false) => Outcome::Gone,
            (false, _) => Outcome::Forced,
        }
    }

    /// Waits until nobody waits, then has the close frame sent behind all that is in the buffer; if somebody waits by then, again.
    async fn settle(&self, line: &Line, departure: &Departure) {
        let mut stage = departure.stage();
        loop {
            let is_worth_a_look = |stage: &Stage| stage.is_quiet || stage.has_left || stage.is_over;
            let now = stage.wait_for(is_worth_a_look).await.map(|stage| *stage);
            let Ok(Stage { missed, has_left: false, is_over: false, .. }) = now else { return };
            if self.ask(line, departure) == Asked::Full {
                time::sleep(PAUSE).await;
                continue;
            }
            stage.wait_for(|stage| stage.missed != missed || stage.has_left || stage.is_over).await.ok();
        }
    }

    fn ask(&self, line: &Line, departure: &Departure) -> Asked {
        let asked = line.sid().map_or(Asked::NoSocket, |sid| (self.ask)(sid));
        if asked == Asked::NoSocket {
            departure.without_marker();
            line.wake();
        }
        asked
    }

    async fn polling(&self, sid: Sid, poll: &Poll, patience: Duration) -> Outcome {
        let is_quiet = tokio::select! {
            () = poll.quiet() => true,
            () = time::sleep(patience) => false,
            () = self.hurry.cancelled() => false,
        };
        poll.leave();
        let has_heard = time::timeout(NEXT_POLL, poll.heard()).await.is_ok();
        if has_heard {
            // What the client sent before it heard comes in requests of their own.
            time::sleep(ON_THE_WAY).await;
            time::timeout(NEXT_POLL, poll.heard()).await.ok();
        }
        self.engine.close_polling(sid).await;
        if is_quiet && has_heard { Outcome::Quiet } else { Outcome::Forced }
    }
}
