//! Since when the status of a service waits to be written.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::status::waits;

/// By uid of the service.
#[derive(Default)]
pub(crate) struct Held(Mutex<HashMap<String, Instant>>);

impl Held {
    /// How much longer the status waits, from the first time on that it could; none where it has waited long enough.
    pub(crate) fn hold(&self, uid: &str) -> Option<Duration> {
        let now = Instant::now();
        let since = *self.lock().entry(uid.to_owned()).or_insert(now);
        waits::rest(since, now)
    }

    /// It is written, says nothing new any more, or the service is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        // Each change of the map is complete before anything in it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
