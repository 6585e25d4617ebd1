//! PURE: what was observed, or what is invalid → the status.

mod conditions;

use k8s_openapi::jiff::Timestamp;
use realtime_crds::{Problem, RealtimeServiceStatus};

use crate::observe::Observed;
pub use conditions::Verdict;

/// How a reconcile ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The spec has problems; nothing was touched.
    Invalid(Vec<Problem>),
    /// The plan was carried out as far as it could be.
    Observed(Observed),
}

/// The status after a reconcile. `previous` keeps transition times, and what an invalid spec leaves running.
#[must_use]
pub fn status(
    previous: &RealtimeServiceStatus,
    generation: i64,
    outcome: &Outcome,
    now: Timestamp,
) -> RealtimeServiceStatus {
    let verdicts = conditions::verdicts(outcome);
    let mut status = match outcome {
        Outcome::Invalid(_) => previous.clone(),
        Outcome::Observed(observed) => of_observed(observed),
    };
    status.observed_generation = Some(generation);
    status.conditions = conditions::merge(&previous.conditions, &verdicts, generation, now);
    status
}

fn of_observed(observed: &Observed) -> RealtimeServiceStatus {
    let pods = &observed.pods;
    RealtimeServiceStatus {
        observed_generation: None,
        conditions: Vec::new(),
        url: Some(observed.url.clone()),
        addresses: observed.addresses.clone(),
        pods: Some(format!("{}/{}", pods.available, pods.wanted)),
        replicas: i32::try_from(pods.exist).unwrap_or(i32::MAX),
        selector: Some(observed.selector.clone()),
        effective: observed.effective.clone(),
    }
}

#[cfg(test)]
mod tests;
