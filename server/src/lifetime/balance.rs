//! How many connections a replica gives up for others that came. PURE: counts and times in, moves out.
//!
//! A replica gives some up while it has clearly more than the mean of all. Nobody can tell a load balancer where they are to go: where it deals in turn
//! or at random, a part comes back to replicas that have too many already, and of the surplus so much is left each time. So each looks at the
//! counts before each move, and goes on as long as that is worth it: of what it moved, a part has to stay away. A load balancer that always sends a
//! client to the same replica gets a surplus' worth of moves, and that is all.
//!
//! The pace is that at which the greatest surplus would be gone within the given time.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::schedule::Crowd;

/// Of the mean: as many as this are nobody's surplus.
const SHARE: f64 = 1.1;
/// A difference of fewer is none.
const LEAST: f64 = 5.0;
/// Moves that may be in vain, of the greatest surplus.
const TRIAL: f64 = 1.0;
/// Moves for each connection that finds its way. A load balancer that deals in turn needs 5.5 of them where this is hardest: 9 old replicas, 2 new ones.
const EFFORT: f64 = 6.0;
/// Moves at the most, of the greatest surplus. Dealt in turn, 3 will do for any number of replicas: beyond 9 old ones on one new, there is no surplus.
const MOST: f64 = 4.0;
/// All have their share when they have had it for so long: clients that were moved come back by then.
const CALM: Duration = Duration::from_secs(5);
/// Clients that are away for a moment are not fewer. Those that left are forgotten in about this time.
const MEMORY: Duration = Duration::from_secs(60);
/// After so many times the time that a surplus takes it is over, whatever the counts say.
const LONGEST: u32 = 10;
/// A move that was held up is not made up for beyond this.
const BEHIND: Duration = Duration::from_millis(100);
/// A replica that was away for so long is a new one.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One connection is to leave; ask again at once.
    Move,
    /// Nothing for now.
    Wait,
    /// It is over.
    Over(Outcome),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody has much more than the mean.
    Balanced,
    /// Somebody has, and moves do not change that.
    GivenUp,
}

/// What one replica does for others that came.
#[derive(Debug)]
pub struct Balance {
    over: Duration,
    began: Duration,
    /// When the first one leaves, as a part of the pause between two: replicas that begin together do not move together.
    offset: f64,
    crowd: Crowd,
    /// The greatest surplus of this replica, and of all.
    greatest: (f64, f64),
    moved: u32,
    last: Option<Duration>,
    calm: Option<Duration>,
}

impl Balance {
    /// Begins now; a surplus is to be gone within `over`.
    #[must_use]
    pub fn begin(now: Duration, over: Duration, offset: f64) -> Self {
        let (crowd, greatest, moved, last, calm) = Default::default();
        Self { over, began: now, offset, crowd, greatest, moved, last, calm }
    }

    /// With what this replica has, without those that are leaving, and what each of the others has.
    pub fn step(&mut self, now: Duration, own: usize, others: &[usize]) -> Step {
        let total = own + others.iter().sum::<usize>();
        let mean = self.crowd.saw(total, now, MEMORY) / (others.len() + 1) as f64;
        let is_above = |count: usize| count as f64 > SHARE * mean && count as f64 - mean >= LEAST;
        if !is_above(own) && !others.iter().any(|count| is_above(*count)) {
            let calm = *self.calm.get_or_insert(now);
            return if now.saturating_sub(calm) >= CALM { Step::Over(Outcome::Balanced) } else { Step::Wait };
        }
        self.calm = None;
        if now.saturating_sub(self.began) >= self.over * LONGEST {
            return Step::Over(Outcome::GivenUp);
        }
        if !is_above(own) {
            return Step::Wait;
        }
        let surplus = |count: usize| (count as f64 - mean).max(0.0);
        let of_all = surplus(own) + others.iter().map(|count| surplus(*count)).sum::<f64>();
        self.greatest = (self.greatest.0.max(surplus(own)), self.greatest.1.max(of_all));
        if f64::from(self.moved) >= self.allowed(of_all) {
            return Step::Over(Outcome::GivenUp);
        }
        let gap = self.over.div_f64(self.greatest.0);
        let last = *self.last.get_or_insert(now.saturating_sub(gap.mul_f64(self.offset)));
        if now < last + gap {
            return Step::Wait;
        }
        self.last = Some((last + gap).max(now.saturating_sub(BEHIND)));
        self.moved += 1;
        Step::Move
    }

    /// What all have gained says more than what this one has: chance matters less.
    fn allowed(&self, of_all: f64) -> f64 {
        let (own, all) = self.greatest;
        own * (TRIAL + EFFORT * (1.0 - of_all / all)).min(MOST)
    }
}

/// Who has been there.
#[derive(Debug, Default)]
pub struct Known(HashMap<String, Duration>);

impl Known {
    /// These are there now: whether there are any among them who were not.
    pub fn has_news(&mut self, now: Duration, there: &HashSet<String>) -> bool {
        let is_new = there.iter().any(|name| !self.0.contains_key(name));
        self.0.extend(there.iter().map(|name| (name.clone(), now)));
        self.0.retain(|name, seen| there.contains(name) || now.saturating_sub(*seen) < FORGOTTEN);
        is_new
    }
}

#[cfg(test)]
mod tests;
