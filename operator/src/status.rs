//! PURE: what was observed, or what is invalid → the status.

mod conditions;
pub(crate) mod waits;
mod written;

use k8s_openapi::jiff::Timestamp;
use realtime_crds::{Problem, RealtimeServiceStatus, conditions::ConditionType, v1alpha1::DeniedOrigin};

use crate::observe::Observed;
pub use conditions::Verdict;

/// How a reconcile ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The spec has problems; nothing was touched.
    Invalid(Vec<Problem>),
    /// Another service serves this host and path; nothing was touched.
    Taken {
        /// Namespace and name of that service, with a slash.
        holder: String,
        /// The host and path.
        place: String,
    },
    /// The plan was carried out as far as it could be.
    Observed(Box<Observed>),
}

/// The status after a reconcile. `previous` keeps transition times, and what an invalid spec leaves running.
#[must_use]
pub fn status(
    previous: &RealtimeServiceStatus,
    generation: i64,
    outcome: &Outcome,
    now: Timestamp,
) -> RealtimeServiceStatus {
    let mut verdicts = conditions::verdicts(outcome);
    // An invalid spec says nothing of what runs, so conditions that it has no verdict on stay as they were.
    let (mut status, kept) = match outcome {
        Outcome::Invalid(_) | Outcome::Taken { .. } => (previous.clone(), previous.conditions.clone()),
        Outcome::Observed(observed) => {
            let kept = written::outlived(&mut verdicts, &previous.conditions, generation);
            (of_observed(observed), kept.into_iter().collect())
        }
    };
    status.observed_generation = Some(generation);
    status.conditions = written::merge(&kept, &verdicts, &previous.conditions, generation, now);
    written::agree(&mut status.conditions);
    status
}

/// Whether a service is Ready.
pub(crate) fn is_ready(observed: &Observed) -> bool {
    conditions::is_ready(observed)
}

fn of_observed(observed: &Observed) -> RealtimeServiceStatus {
    let pods = &observed.pods;
    RealtimeServiceStatus {
        observed_generation: None,
        conditions: Vec::new(),
        url: Some(observed.url.clone()),
        addresses: observed.addresses.clone(),
        connections: observed.reports.as_ref().map(|reports| reports.connections),
        denied: observed.reports.as_ref().map(|reports| i32::try_from(reports.denied.len()).unwrap_or(i32::MAX)),
        denied_origins: observed.reports.as_ref().map(|reports| reports.denied.clone()).unwrap_or_default(),
        pods: Some(format!("{}/{}", pods.available, pods.wanted)),
        replicas: i32::try_from(pods.exist).unwrap_or(i32::MAX),
        selector: Some(observed.selector.clone()),
        effective: observed.effective.clone(),
    }
}

/// What a person may want to hear of between two statuses.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// Whether nothing was said of the service before.
    pub is_first: bool,
    /// Whether the verdict on the whole is another one.
    pub verdict_moved: bool,
    /// Origins that are denied and were not in the table before.
    pub denied: Vec<DeniedOrigin>,
    /// What the probe found, where that is something else: whether clients get through, and the message.
    pub probe: Option<(bool, String)>,
}

impl News {
    /// Compares two statuses.
    #[must_use]
    pub fn between(previous: &RealtimeServiceStatus, now: &RealtimeServiceStatus) -> Self {
        let known = |line: &&DeniedOrigin| previous.denied_origins.iter().any(|old| old.origin == line.origin);
        Self {
            is_first: previous.conditions.is_empty(),
            verdict_moved: verdict(previous) != verdict(now),
            denied: now.denied_origins.iter().filter(|line| !known(line)).cloned().collect(),
            probe: probe(previous, now),
        }
    }
}

fn probe(previous: &RealtimeServiceStatus, now: &RealtimeServiceStatus) -> Option<(bool, String)> {
    let of = |status: &RealtimeServiceStatus| {
        status.conditions.iter().find(|condition| condition.type_ == ConditionType::Reachable.as_str()).cloned()
    };
    let said = of(now)?;
    let holds = match said.status.as_str() {
        "True" => true,
        "False" => false,
        _ => return None,
    };
    let is_news = of(previous).is_none_or(|old| (old.status, old.reason) != (said.status, said.reason));
    is_news.then_some((holds, said.message))
}

fn verdict(status: &RealtimeServiceStatus) -> Option<(&str, &str)> {
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready")?;
    Some((&ready.status, &ready.reason))
}

#[cfg(test)]
mod tests;
