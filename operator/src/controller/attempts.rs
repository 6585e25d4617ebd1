//! Which services failed, and how often in a row.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use prometheus_client::metrics::gauge::Gauge;

use crate::observe::Cure;

/// However much happens to a service that fails, it is not tried again sooner.
const SHORTEST: Duration = Duration::from_secs(1);
/// Nothing tells when an outage is over: after it everything has to be right within this time.
const LONGEST_IN_AN_OUTAGE: Duration = Duration::from_secs(30);
/// Where somebody has to change something, most changes tell of themselves.
const LONGEST: Duration = Duration::from_secs(256);

/// Failures in a row, by uid of the service.
pub(super) struct Attempts {
    failed: Mutex<HashMap<String, Failures>>,
    /// How many services there are in it.
    retrying: Gauge,
}

struct Failures {
    in_a_row: u32,
    /// Those of them, at the end, that only a change can mend.
    refusals: u32,
    rests_until: Instant,
}

impl Attempts {
    pub(super) fn new(retrying: Gauge) -> Self {
        Self { failed: Mutex::default(), retrying }
    }

    /// One more failure; gives the pause until the next attempt: one second, then twice as long each time up to a limit, and never
    /// less than the apiserver asked for.
    pub(super) fn fail(&self, uid: &str, cure: Cure, asked: Duration) -> Duration {
        let mut failed = self.lock();
        let rests_until = Instant::now() + asked.max(SHORTEST);
        let failures = failed.entry(uid.to_owned()).or_insert(Failures { in_a_row: 0, refusals: 0, rests_until });
        failures.in_a_row += 1;
        failures.rests_until = rests_until;
        let (times, longest) = match cure {
            Cure::Time => {
                failures.refusals = 0;
                (failures.in_a_row, LONGEST_IN_AN_OUTAGE)
            }
            // Counted anew: an apiserver that starts refuses what it takes a moment later.
            Cure::Change => {
                failures.refusals += 1;
                (failures.refusals, LONGEST)
            }
        };
        let pause = (SHORTEST * (1 << (times - 1).min(8))).min(longest);
        self.show(&failed);
        pause.max(asked)
    }

    /// How long a service that has just failed is left alone, whatever happens to it or its children.
    pub(super) fn rest(&self, uid: &str) -> Option<Duration> {
        let rest = self.lock().get(uid)?.rests_until.saturating_duration_since(Instant::now());
        (!rest.is_zero()).then_some(rest)
    }

    /// It went well, or the service is gone.
    pub(super) fn forget(&self, uid: &str) {
        let mut failed = self.lock();
        failed.remove(uid);
        self.show(&failed);
    }

    fn show(&self, failed: &HashMap<String, Failures>) {
        self.retrying.set(i64::try_from(failed.len()).unwrap_or(i64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Failures>> {
        // Each change of the map is complete before anything in it can panic.
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses<const N: usize>(attempts: &Attempts, cures: [Cure; N]) -> [u64; N] {
        cures.map(|cure| attempts.fail("a", cure, Duration::ZERO).as_secs())
    }

    #[test]
    fn after_an_outage_however_long_nothing_rests_for_more_than_half_a_minute() {
        let attempts = Attempts::new(Gauge::default());
        assert_eq!(pauses(&attempts, [Cure::Time; 9]), [1, 2, 4, 8, 16, 30, 30, 30, 30]);
        assert_eq!(attempts.fail("a", Cure::Time, Duration::from_secs(90)).as_secs(), 90, "the apiserver asked for it");
        attempts.forget("a");
        assert_eq!(pauses(&attempts, [Cure::Time]), [1], "it begins anew after a success");
    }

    #[test]
    fn what_only_a_change_can_mend_is_tried_about_every_four_minutes() {
        let attempts = Attempts::new(Gauge::default());
        assert_eq!(pauses(&attempts, [Cure::Change; 11]), [1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256]);
        assert_eq!(pauses(&attempts, [Cure::Time]), [30]);
    }

    #[test]
    fn a_refusal_at_the_end_of_an_outage_is_the_first_one() {
        let attempts = Attempts::new(Gauge::default());
        pauses(&attempts, [Cure::Time; 9]);
        assert_eq!(pauses(&attempts, [Cure::Change, Cure::Change, Cure::Time, Cure::Change]), [1, 2, 30, 1]);
    }

    #[test]
    fn who_failed_rests_for_a_second_and_for_as_long_as_the_apiserver_asks() {
        let attempts = Attempts::new(Gauge::default());
        assert_eq!(attempts.rest("a"), None);
        assert_eq!(attempts.fail("a", Cure::Time, Duration::from_secs(7)).as_secs(), 7);
        assert!(attempts.rest("a").expect("it failed") > Duration::from_secs(6));
        attempts.fail("a", Cure::Change, Duration::ZERO);
        assert!(attempts.rest("a").expect("it failed") <= Duration::from_secs(1));
        attempts.forget("a");
        assert_eq!(attempts.rest("a"), None);
    }

    #[test]
    fn the_gauge_shows_how_many_services_are_tried_again() {
        let retrying = Gauge::default();
        let attempts = Attempts::new(retrying.clone());
        for uid in ["a", "a", "b"] {
            attempts.fail(uid, Cure::Time, Duration::ZERO);
        }
        assert_eq!(retrying.get(), 2);
        attempts.forget("a");
        attempts.forget("never failed");
        assert_eq!(retrying.get(), 1);
    }
}
