//! How long a connection lives. Load balancers cut a WebSocket at an age, idle or not; this server moves each away before that, at a
//! moment when nothing is lost and never many at once. `ages` says when each has to leave, `schedule` in which rhythm, `mover` how. When replicas come,
//! `balance` says how many are to leave for them, and `rebalance` does it.

pub mod ages;
pub mod balance;
pub mod marker;
pub mod mover;
pub mod numbers;
pub mod rebalance;
pub mod schedule;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::watch, time};

use crate::{
    connections::{Connections, Handle},
    farewell::Farewell,
    metrics::Metrics,
    policy::Policy,
    shutdown::Phase,
};
use ages::{Change, patience};
use mover::Mover;
use schedule::Crowd;

/// Moves are planned this far ahead.
const HORIZON: Duration = Duration::from_millis(100);

/// Moves WebSockets that come to their age, until the process moves all of them.
#[derive(Debug)]
pub struct Rotation {
    /// Every open session.
    pub connections: Arc<Connections>,
    /// Who moves them.
    pub mover: Arc<Mover>,
    /// Where the age in force is shown.
    pub metrics: Arc<Metrics>,
    /// What the resource asks for.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// The age that was set by option, which the resource has no say in.
    pub fixed: Option<Duration>,
    /// What the process is doing.
    pub phase: watch::Receiver<Phase>,
}

impl Rotation {
    /// Runs until connections are drained.
    pub async fn run(mut self) {
        let start = Instant::now();
        let (mut last, mut crowd) = (None, Crowd::default());
        let mut phase = self.phase.clone();
        let draining = phase.wait_for(|phase| *phase == Phase::Draining);
        tokio::pin!(draining);
        loop {
            let age = self.follow();
            let now = start.elapsed();
            let dues = self.connections.dues();
            let times: Vec<_> = dues.iter().map(|(due, _)| due.saturating_duration_since(start)).collect();
            let moves =
                schedule::plan(now, last, &times, schedule::pace(crowd.saw(dues.len(), now, age), age), HORIZON);
            for (at, due) in moves.iter().zip(dues) {
                tokio::select! {
                    _ = &mut draining => return,
                    () = time::sleep_until((start + *at).into()) => {}
                }
                last = Some(*at);
                if let Some(line) = self.connections.take_due(due) {
                    let mover = Arc::clone(&self.mover);
                    tokio::spawn(async move {
                        mover.depart(Handle::WebSocket(line), Farewell::ROTATION, patience(age)).await
                    });
                }
            }
            tokio::select! {
                _ = &mut draining => return,
                () = time::sleep_until((start + now + HORIZON).into()) => {}
            }
        }
    }

    /// Follows the resource.
    fn follow(&mut self) -> Duration {
        let wanted = self.fixed.unwrap_or_else(|| self.policy.borrow_and_update().max_connection_age);
        let ages = &self.connections.ages;
        match ages.change(wanted, Instant::now()) {
            Change::None => {}
            Change::Shorter => {
                let now = Instant::now();
                tracing::info!(age = %humantime::format_duration(wanted), "connections become less old from now on");
                self.connections.hasten(|| ages.due(now));
            }
            Change::Longer => {
                tracing::info!(
                    age = %humantime::format_duration(wanted),
                    "connections that are opened from now on become older; load balancers keep the former age for open ones and need minutes to learn the new one"
                );
            }
        }
        self.metrics.lifetime.age_limit.set(i64::try_from(wanted.as_secs()).unwrap_or(i64::MAX));
        wanted
    }
}
