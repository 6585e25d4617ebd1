//! Which services failed, and how often in a row.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::metrics::gauge::Gauge;

/// Failures in a row, by uid of the service.
pub(super) struct Attempts {
    failed: Mutex<HashMap<String, u32>>,
    /// How many services there are in it.
    retrying: Gauge,
}

impl Attempts {
    pub(super) fn new(retrying: Gauge) -> Self {
        Self { failed: Mutex::default(), retrying }
    }

    /// One more failure; gives the pause until the next attempt: one second, then twice as long each time, about four minutes at
    /// the most.
    pub(super) fn fail(&self, uid: &str) -> Duration {
        let mut failed = self.lock();
        let attempt = failed.entry(uid.to_owned()).or_default();
        *attempt += 1;
        let pause = Duration::from_secs(1 << (*attempt - 1).min(8));
        self.show(&failed);
        pause
    }

    /// It went well, or the service is gone.
    pub(super) fn forget(&self, uid: &str) {
        let mut failed = self.lock();
        failed.remove(uid);
        self.show(&failed);
    }

    fn show(&self, failed: &HashMap<String, u32>) {
        self.retrying.set(i64::try_from(failed.len()).unwrap_or(i64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u32>> {
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
        let pauses: Vec<_> = (0..11).map(|_| attempts.fail("a").as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256]);
        attempts.forget("a");
        assert_eq!(attempts.fail("a").as_secs(), 1);
    }

    #[test]
    fn the_gauge_shows_how_many_services_are_tried_again() {
        let retrying = Gauge::default();
        let attempts = Attempts::new(retrying.clone());
        for uid in ["a", "a", "b"] {
            attempts.fail(uid);
        }
        assert_eq!(retrying.get(), 2);
        attempts.forget("a");
        attempts.forget("never failed");
        assert_eq!(retrying.get(), 1);
    }
}
