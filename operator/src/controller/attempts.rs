//! Which services failed, and how often in a row.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use prometheus_client::metrics::gauge::Gauge;

/// However much happens to a service that fails, it is not tried again sooner.
const SHORTEST: Duration = Duration::from_secs(1);

/// Failures in a row, by uid of the service.
pub(super) struct Attempts {
    failed: Mutex<HashMap<String, Failures>>,
    /// How many services there are in it.
    retrying: Gauge,
}

struct Failures {
    in_a_row: u32,
    rests_until: Instant,
}

impl Attempts {
    pub(super) fn new(retrying: Gauge) -> Self {
        Self { failed: Mutex::default(), retrying }
    }

    /// One more failure; gives the pause until the next attempt: one second, then twice as long each time, about four minutes at
    /// the most, and never less than the apiserver asked for.
    pub(super) fn fail(&self, uid: &str, asked: Duration) -> Duration {
        let mut failed = self.lock();
        let rests_until = Instant::now() + asked.max(SHORTEST);
        let failures = failed.entry(uid.to_owned()).or_insert(Failures { in_a_row: 0, rests_until });
        failures.in_a_row += 1;
        failures.rests_until = rests_until;
        let pause = SHORTEST * (1 << (failures.in_a_row - 1).min(8));
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

    #[test]
    fn pauses_grow_to_about_four_minutes_and_begin_anew_after_a_success() {
        let attempts = Attempts::new(Gauge::default());
        let pauses: Vec<_> = (0..11).map(|_| attempts.fail("a", Duration::ZERO).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256]);
        attempts.forget("a");
        assert_eq!(attempts.fail("a", Duration::ZERO).as_secs(), 1);
    }

    #[test]
    fn who_failed_rests_for_a_second_and_for_as_long_as_the_apiserver_asks() {
        let attempts = Attempts::new(Gauge::default());
        assert_eq!(attempts.rest("a"), None);
        assert_eq!(attempts.fail("a", Duration::from_secs(7)).as_secs(), 7);
        assert!(attempts.rest("a").expect("it failed") > Duration::from_secs(6));
        attempts.fail("a", Duration::ZERO);
        assert!(attempts.rest("a").expect("it failed") <= Duration::from_secs(1));
        attempts.forget("a");
        assert_eq!(attempts.rest("a"), None);
    }

    #[test]
    fn the_gauge_shows_how_many_services_are_tried_again() {
        let retrying = Gauge::default();
        let attempts = Attempts::new(retrying.clone());
        for uid in ["a", "a", "b"] {
            attempts.fail(uid, Duration::ZERO);
        }
        assert_eq!(retrying.get(), 2);
        attempts.forget("a");
        attempts.forget("never failed");
        assert_eq!(retrying.get(), 1);
    }
}
