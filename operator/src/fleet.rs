//! What the servers themselves report: which generation of the policy they run, how many connections they hold, which
//! origins they denied. Asked pod by pod on the admin port; the apiserver is not asked anything.

pub(crate) mod cost;
mod pods;
mod report;
mod scrape;

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

pub use pods::Pod;
pub use report::{Backplane, Denied, Report};

/// Namespace and name of a service.
pub type ServiceKey = (String, String);

/// A pod that misses this many answers in a row is silent; one lost answer is nothing to tell of.
pub const MISSES: u32 = 3;

/// Pods of every service with what they last reported.
#[derive(Default)]
pub struct Fleet(Mutex<BTreeMap<ServiceKey, Team>>);

/// The pods of one service, and the generation that they should run.
#[derive(Default)]
struct Team {
    wanted: Option<i64>,
    pods: BTreeMap<String, Pod>,
}

impl Fleet {
    /// The pods of one service by name. From now on those that run an older generation than this are asked often.
    pub(crate) fn of(&self, namespace: &str, name: &str, wanted: i64) -> BTreeMap<String, Pod> {
        match self.lock().get_mut(&(namespace.to_owned(), name.to_owned())) {
            Some(team) => {
                team.wanted = Some(wanted);
                team.pods.clone()
            }
            None => BTreeMap::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ServiceKey, Team>> {
        // Each change of the map is complete before anything in it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) use pods::follow;
pub(crate) use scrape::scrape;
