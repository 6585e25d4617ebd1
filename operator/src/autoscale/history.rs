//! PURE: what was asked for and what was done lately.

use std::time::{Duration, Instant};

use super::Why;
use crate::plan::LONGEST_PERIOD;

/// What was asked for and what was done lately; empty for a service that is looked at for the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Oldest first; the last one is in force.
    asked: Vec<Asked>,
    done: Vec<Done>,
    /// When and how it was last decided.
    pub(super) decided: Option<(Instant, Why)>,
}

/// A number of pods that the load asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    pods: i32,
    /// The last moment at which it was known to be in force.
    until: Instant,
}

/// A change of the number of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Done {
    at: Instant,
    by: i32,
}

impl History {
    /// An empty history begins with the present number: after a restart of the operator nothing goes before a whole window is over.
    pub(super) fn begin(&mut self, present: i32, now: Instant) {
        if self.asked.is_empty() {
            self.asked.push(Asked { pods: present, until: now });
        }
    }

    /// Takes in what the load asks for. What it asked for before was in force until now, as nobody has to look while nothing changes.
    pub(super) fn ask(&mut self, pods: i32, now: Instant, window: Duration) {
        if let Some(last) = self.asked.last_mut() {
            last.until = now;
        }
        if self.asked.last().is_none_or(|last| last.pods != pods) {
            self.asked.push(Asked { pods, until: now });
        }
        self.asked.retain(|asked| asked.until + window > now);
    }

    /// The highest number that was asked for within the window.
    pub(super) fn highest(&self, now: Instant, window: Duration) -> Option<i32> {
        self.asked.iter().filter(|asked| asked.until + window > now).map(|asked| asked.pods).max()
    }

    /// When the window will be over for every number from this one on.
    pub(super) fn falls_below(&self, pods: i32, window: Duration) -> Option<Instant> {
        self.asked.iter().filter(|asked| asked.pods >= pods).map(|asked| asked.until + window).max()
    }

    /// Takes in a change that was carried out.
    pub(crate) fn scaled(&mut self, from: i32, to: i32, now: Instant) {
        self.done.retain(|done| done.at + LONGEST_PERIOD > now);
        self.done.push(Done { at: now, by: to - from });
    }

    /// The next question is answered at once: this answer could not be carried out.
    pub(crate) fn undecided(&mut self) {
        self.decided = None;
    }

    /// How many pods there were when the period began, by what was done since.
    pub(super) fn at_start(&self, present: i32, now: Instant, period: Duration) -> i32 {
        present - self.within(now, period).map(|done| done.by).sum::<i32>()
    }

    /// When the first change of the period is out of it.
    pub(super) fn period_ends(&self, now: Instant, period: Duration) -> Option<Instant> {
        self.within(now, period).map(|done| done.at + period).min()
    }

    fn within(&self, now: Instant, period: Duration) -> impl Iterator<Item = &Done> {
        self.done.iter().filter(move |done| done.at + period > now)
    }
}
