//! How fast pods go. One at a time, and the next when the first has moved its connections away: they land on pods that stay.

use std::time::Duration;

use super::timeouts::Budget;

/// Longest that Kubernetes lets a policy look back.
pub(crate) const LONGEST_PERIOD: Duration = Duration::from_secs(1800);
/// Longest stabilisation window that Kubernetes takes.
const WINDOW_LIMIT_SEC: u64 = 3600;
/// Kubernetes' own default for scaling in.
const WINDOW_SEC: u64 = 300;

/// Pods that go in one [`Pace::period`].
pub(crate) const PODS_A_PERIOD: i32 = 1;

/// How fast pods go when the load decides on their number, whoever carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// The highest number of pods that was asked for within this time counts.
    pub(crate) window: Duration,
    /// Within this time no more than [`PODS_A_PERIOD`] go.
    pub(crate) period: Duration,
}

impl Pace {
    /// What follows from the timeouts.
    pub(crate) fn of(budget: &Budget) -> Self {
        let away = budget.detach_sec + budget.drain_sec;
        Self {
            window: Duration::from_secs(away.clamp(WINDOW_SEC, WINDOW_LIMIT_SEC)),
            period: Duration::from_secs(away.clamp(1, LONGEST_PERIOD.as_secs())),
        }
    }
}
