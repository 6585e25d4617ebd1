//! When to move whom, so that clients that come back never come as a herd. PURE: times in, times out.
//!
//! Each connection has a moment at which it is due. Going backwards from the last, each is given the latest moment that is not later than it is
//! due and at least one gap before the next one's. The gap follows from the pace: a quarter above the rate at which as many connections
//! leave anyway, each once in its age. Where few are due at a time that is the moment when they are due; of a crowd that is due together, the first leave
//! long before, and from then on they are spread.
//!
//! While no connection has ended but by this schedule, the gaps can be kept: all that are due within any time t ≥ 0.8 age are at most all that there are,
//! and `count <= pace * 0.8 age`. When many end at once, by themselves, the pace of the few may be too slow for what was planned for the many; then
//! they go on at the slowest even rhythm in which nobody is late.

use std::time::Duration;

/// The pace, as a multiple of the mean rate.
const HASTE: f64 = 1.25;
/// The middle of the part of the age in which connections leave.
const MEAN: f64 = 0.875;
/// Moves a second that are no herd however few connections there are.
const SLOWEST: f64 = 1.0;

/// Most moves a second for so many connections of that age.
#[must_use]
pub fn pace(count: f64, age: Duration) -> f64 {
    (HASTE * count / (MEAN * age.as_secs_f64())).max(SLOWEST)
}

/// How many connections there have been lately: those that are moved are away for a moment, and are not fewer for that.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Crowd {
    most: f64,
    at: Duration,
}

impl Crowd {
    /// So many are open now. A number that has been greater fades within an age.
    pub fn saw(&mut self, count: usize, now: Duration, age: Duration) -> f64 {
        let faded = now.saturating_sub(self.at).as_secs_f64() / age.as_secs_f64();
        self.most = (self.most * (1.0 - faded).max(0.0)).max(count as f64);
        self.at = now;
        self.most
    }
}

/// When the first of the connections leave, in order, as far as that is before the horizon. `dues` ascend; `last` is when the last one left.
#[must_use]
pub fn plan(now: Duration, last: Option<Duration>, dues: &[Duration], pace: f64, horizon: Duration) -> Vec<Duration> {
    let mut moves: Vec<Duration> = Vec::new();
    while let Some(at) = next(now, moves.last().copied().or(last), &dues[moves.len()..], pace) {
        if at > now + horizon {
            break;
        }
        moves.push(at);
    }
    moves
}

fn next(now: Duration, last: Option<Duration>, dues: &[Duration], pace: f64) -> Option<Duration> {
    let from = last.map_or(now, |last| last.max(now)).as_secs_f64();
    let (mut latest, mut gap) = (f64::MAX, 1.0 / pace);
    for (before, due) in dues.iter().map(Duration::as_secs_f64).enumerate() {
        latest = latest.min(due - before as f64 / pace);
        gap = gap.min((due - from).max(0.0) / (before + 1) as f64);
    }
    let after = last.map_or(0.0, |last| last.as_secs_f64() + gap);
    (!dues.is_empty()).then(|| Duration::from_secs_f64(latest.max(after)).max(now))
}

#[cfg(test)]
pub(super) mod tests;
