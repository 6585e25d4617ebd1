//! PURE: what was asked for and what was done lately.

use std::time::{Duration, Instant};

use super::{Why, decide::EVERY};
use crate::plan::LONGEST_PERIOD;

/// Who undoes what was done is remembered for this long.
const LATELY: Duration = Duration::from_secs(600);
/// Undone so often lately, it is no accident.
const CONTESTED: usize = 2;

/// What was asked for and what was done lately; empty for a service that is looked at for the first time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Oldest first; the last one is in force.
    asked: Vec<Asked>,
    done: Vec<Done>,
    /// The version of the Deployment that the last of it brought.
    version: u64,
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
    to: i32,
    /// Whether somebody has taken it back.
    undone: bool,
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

    /// Takes in a change that was carried out, and the version of the Deployment with it.
    pub(crate) fn scaled(&mut self, from: i32, to: i32, now: Instant, version: u64) {
        self.done.retain(|done| done.at + LONGEST_PERIOD > now);
        self.done.push(Done { at: now, by: to - from, to, undone: false });
        self.version = version;
    }

    /// How many pods there are to be: what was answered counts until the watch shows it.
    pub(crate) fn present(&self, shown: i32, version: u64) -> i32 {
        self.done.last().filter(|_| version < self.version).map_or(shown, |last| last.to)
    }

    /// Takes in how many pods there are to be, and with it whether somebody has taken the last change back.
    pub(super) fn see(&mut self, present: i32) {
        let Some(last) = self.done.last_mut() else { return };
        last.undone |= if last.by > 0 { present < last.to } else { present > last.to };
    }

    /// Until when nothing is done, as somebody takes it back: twice as long each time.
    pub(super) fn rests_until(&self, now: Instant) -> Option<Instant> {
        let times = u32::try_from(self.undone(now).count()).unwrap_or(u32::MAX).checked_sub(1)?;
        let last = self.done.last()?;
        Some(last.at + EVERY * (1 << times.min(8))).filter(|until| *until > now)
    }

    /// Until when it is contested by somebody else how many pods there are to be; none where it is not.
    pub(crate) fn contested_until(&self, now: Instant) -> Option<Instant> {
        let undone: Vec<_> = self.undone(now).map(|done| done.at).collect();
        undone.iter().rev().nth(CONTESTED - 1).map(|at| *at + LATELY)
    }

    fn undone(&self, now: Instant) -> impl Iterator<Item = &Done> {
        self.within(now, LATELY).filter(|done| done.undone)
    }

    /// The next question is answered at once: this answer could not be carried out.
    pub(crate) fn undecided(&mut self) {
        self.decided = None;
    }

    /// How many pods there were when the period began, by what was done since.
    pub(super) fn at_start(&self, present: i32, now: Instant, period: Duration) -> i32 {
        present - self.within(now, period).filter(|done| !done.undone).map(|done| done.by).sum::<i32>()
    }

    /// When the first change of the period is out of it.
    pub(super) fn period_ends(&self, now: Instant, period: Duration) -> Option<Instant> {
        self.within(now, period).map(|done| done.at + period).min()
    }

    fn within(&self, now: Instant, period: Duration) -> impl Iterator<Item = &Done> {
        self.done.iter().filter(move |done| done.at + period > now)
    }
}
