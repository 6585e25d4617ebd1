//! `spec.workload.autoscaling.connectionsPerReplica`: the operator itself scales the Deployment, by the connections that its pods
//! report. Only [`scale`] sends anything; what it sends is decided by values alone.

mod decide;
mod history;
mod load;
mod scale;
#[cfg(test)]
mod tests;
mod why;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) use decide::asked;
pub use history::History;
pub use load::Load;
pub(crate) use scale::{Scaled, scale};
pub use why::{Change, Why};

/// What is to say of a service whose connections decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaling {
    /// Why the number of pods is what it is.
    pub why: Why,
    /// Whether any pod says how many connections it has.
    pub reported: bool,
    /// Whether somebody else takes back what is done, again and again.
    pub contested: bool,
    /// The change that was made.
    pub change: Option<Change>,
    /// When to look again although nothing has changed.
    pub again: Option<Duration>,
}

/// The histories by uid of the service.
#[derive(Default)]
pub(crate) struct Histories(Mutex<HashMap<String, History>>);

impl Histories {
    /// Forgets a service that is gone, or is left alone.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// Changes the history of a service.
    fn with<T>(&self, uid: &str, change: impl FnOnce(&mut History) -> T) -> T {
        change(self.lock().entry(uid.to_owned()).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, History>> {
        // Each change of the map is complete before anything in it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
