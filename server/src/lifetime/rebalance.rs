//! Replicas that come get a share of the connections that are open already. How many each has they tell each other by the backplane all the
//! time; so nobody is asked anything, and between two changes nothing is done.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{sync::watch, time};

use super::{
    ages::patience,
    balance::{Balance, Known, Outcome, Step},
    mover::Mover,
    numbers::Rebalanced,
};
use crate::{
    connections::Connections,
    farewell::Farewell,
    metrics::Metrics,
    policy::Policy,
    recovery::shared::{Fleet, Shared},
    shutdown::Phase,
};

/// How often the counts are looked at while there is something to do.
const LOOK: Duration = Duration::from_millis(50);

/// Shares connections with replicas that come.
#[derive(Debug)]
pub struct Rebalance {
    /// Every open session.
    pub connections: Arc<Connections>,
    /// Who moves them.
    pub mover: Arc<Mover>,
    /// Where it is told.
    pub metrics: Arc<Metrics>,
    /// The other replicas.
    pub shared: Shared,
    /// How old connections become.
    pub policy: watch::Receiver<Arc<Policy>>,
    /// The age that was set by option.
    pub fixed: Option<Duration>,
    /// How long the replicas have to be the same before.
    pub after: Duration,
    /// In which time a surplus is to be gone.
    pub over: Duration,
}

impl Rebalance {
    /// Runs until the process is to end.
    pub async fn run(self, mut phase: watch::Receiver<Phase>) {
        tokio::select! {
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => {}
            () = self.follow() => {}
        }
        self.metrics.lifetime.rebalancing.set(0);
    }

    async fn follow(&self) {
        let start = Instant::now();
        let (mut changes, mut state) = (self.shared.peers.changes(), self.shared.backplane.state());
        let (mut known, mut is_due) = (Known::default(), false);
        loop {
            changes.mark_unchanged();
            let fleet = self.shared.peers.fleet();
            let there: HashSet<_> = fleet.others.iter().map(|other| other.uid.clone()).collect();
            is_due |= known.has_news(start.elapsed(), &there);
            self.metrics.lifetime.rebalancing.set(i64::from(is_due));
            let is_connected = state.borrow_and_update().problem.is_none();
            // Who goes moves its clients itself, and a rollout goes on.
            let has_to_wait = !is_due || !is_connected || fleet.others.iter().any(|other| other.goes);
            let pause = if has_to_wait { Duration::MAX } else { self.after };
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                changed = state.changed() => if changed.is_err() { return },
                () = time::sleep(pause) => {
                    if let Some(outcome) = self.settle(&mut changes).await {
                        tracing::info!(outcome, clients = self.shared.peers.fleet().own, "clients were shared with replicas that came");
                        self.metrics.lifetime.rebalances.get_or_create(&Rebalanced { outcome }).inc();
                        is_due = false;
                    }
                }
            }
        }
    }

    /// Moves what is too much. None when the replicas changed meanwhile, or do not hear of each other.
    async fn settle(&self, changes: &mut watch::Receiver<()>) -> Option<&'static str> {
        let age = self.fixed.unwrap_or_else(|| self.policy.borrow().max_connection_age);
        if age <= 2 * self.over {
            return Some("left_to_rotation");
        }
        let start = Instant::now();
        let mut balance = Balance::begin(Duration::ZERO, self.over, rand::random());
        let leaving = Arc::new(AtomicUsize::new(0));
        let mut ticks = time::interval(LOOK);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = changes.changed() => return None,
                _ = ticks.tick() => {}
            }
            if self.shared.backplane.state().borrow().problem.is_some() {
                return None;
            }
            let Fleet { own, others } = self.shared.peers.fleet();
            let others: Vec<_> = others.iter().map(|other| other.clients).collect();
            loop {
                let own = own.saturating_sub(leaving.load(Ordering::SeqCst));
                match balance.step(start.elapsed(), own, &others) {
                    Step::Wait => break,
                    Step::Over(Outcome::Balanced) => return Some("balanced"),
                    Step::Over(Outcome::GivenUp) => return Some("given_up"),
                    // Who came later is not moved twice.
                    Step::Move => match self.connections.take_before(start) {
                        Some(handle) => {
                            let (mover, leaving) = (Arc::clone(&self.mover), Arc::clone(&leaving));
                            leaving.fetch_add(1, Ordering::SeqCst);
                            tokio::spawn(async move {
                                mover.depart(handle, Farewell::REBALANCE, patience(age)).await;
                                leaving.fetch_sub(1, Ordering::SeqCst);
                            });
                        }
                        None => return Some("given_up"),
                    },
                }
            }
        }
    }
}
