//! PURE: what was applied → what there is to say about it.

mod reports;
mod routes;

pub use reports::Reports;
pub(crate) use routes::url;

use std::{collections::BTreeMap, time::Duration};

use realtime_crds::{ValidService, Way, v1alpha1::Effective};
use serde_json::Value;

use crate::{
    apply::{Applied, AppliedChild, Outcome},
    autoscale::{Scaled, Scaling},
    fleet::Pod,
    plan::{self, Kind},
    probe::Probed,
};

/// What there is, in the terms of the status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Where clients connect.
    pub url: String,
    /// Selector of the pods.
    pub selector: String,
    /// The derived timeouts.
    pub effective: Option<Effective>,
    /// Addresses of the load balancer.
    pub addresses: Vec<String>,
    /// Whether an address is to be waited for.
    pub needs_address: bool,
    /// How the Gateways took the route.
    pub route: Route,
    /// How far the certificate of Google's is.
    pub certificate: Certificate,
    /// What stays until the new way in carries traffic.
    pub kept: Vec<String>,
    /// What the operator cannot set, and who can.
    pub notes: Vec<String>,
    /// The pods.
    pub pods: Pods,
    /// Kinds that the cluster lacks.
    pub missing_kinds: Vec<Kind>,
    /// Objects in the way, each with whose they are.
    pub foreign: Vec<String>,
    /// Children that wait for those to go.
    pub waiting: Vec<String>,
    /// Requests that the apiserver refuses until somebody acts.
    pub refused: Vec<String>,
    /// Requests that failed.
    pub failures: Vec<String>,
    /// How long the apiserver asks to be left alone.
    pub retry_after: Duration,
    /// Children that are leaving and come again.
    pub leaving: Vec<String>,
    /// What of others' no pod starts without.
    pub needs: Vec<String>,
    /// What the reconcile did, for the event.
    pub changes: Vec<String>,
    /// Whether the resource is paused.
    pub paused: bool,
    /// What the pods say; none where there is none to ask, or where a server of the user's own does not answer.
    pub reports: Option<Reports>,
    /// What is to say of the number of pods; none where connections do not decide.
    pub scaling: Option<Scaling>,
    /// What the probe says; none where none is asked for.
    pub probed: Option<Probed>,
}

/// How Gateways took an HTTPRoute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Route {
    /// There is none.
    #[default]
    None,
    /// Not yet.
    Pending,
    /// Every one that answered took it.
    Taken,
    /// One refuses it: its condition's reason and message.
    Refused(String),
}

/// How far a certificate of Google's is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// There is none, or it is not what clients depend on.
    #[default]
    None,
    /// On its way: Google's word for where it is.
    Pending(String),
    /// In use.
    Active,
    /// Given up: Google's word for why.
    Failed(String),
}

/// The pods as their Deployment tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pods {
    /// How many are asked for.
    pub wanted: i64,
    /// Whether the load decides on that.
    pub by_load: bool,
    /// How many exist.
    pub exist: i64,
    /// How many run the current template.
    pub current: i64,
    /// How many are available.
    pub available: i64,
    /// Why the Deployment has given up, in its own words.
    pub failing: Option<String>,
}

/// Reads the outcome of an apply.
#[must_use]
pub(crate) fn observe(
    service: &ValidService,
    applied: &Applied,
    scaled: Option<&Scaled>,
    pods: &BTreeMap<String, Pod>,
) -> Observed {
    let spec = service.spec();
    let deployment = live(applied, Kind::Deployment);
    let ingress = live(applied, Kind::Ingress);
    let mut observed = Observed {
        url: routes::url(service),
        selector: plan::selector_of(service),
        effective: Some(plan::effective(service)),
        addresses: ingress.map(addresses).unwrap_or_default(),
        needs_address: matches!(service.way(), Way::Gke(_) | Way::Ingress(_)),
        route: routes::route(live(applied, Kind::HttpRoute), service),
        certificate: routes::certificate(live(applied, Kind::ManagedCertificate), service),
        kept: applied.kept.iter().map(|(kind, name)| format!("{} {name}", kind.as_str())).collect(),
        notes: plan::notes(service),
        needs: plan::needs(service),
        pods: Pods {
            by_load: spec.workload.autoscaling.is_some(),
            ..of_deployment(wanted(service, deployment), deployment)
        },
        scaling: scaled.map(|scaled| scaled.scaling.clone()),
        paused: spec.paused,
        reports: reports(service, pods),
        ..Observed::default()
    };
    for child in &applied.children {
        let AppliedChild { kind, name, outcome, live: _ } = child;
        let title = format!("{} {name}", kind.as_str());
        match outcome {
            Outcome::Unchanged => {}
            Outcome::Blocked => observed.waiting.push(title),
            Outcome::Created => observed.changes.push(format!("created {title}")),
            Outcome::Updated => observed.changes.push(format!("updated {title}")),
            Outcome::Leaving => observed.leaving.push(title),
            Outcome::Foreign(whose) => observed.foreign.push(format!("{title} is not this service's ({whose})")),
            Outcome::KindMissing => observed.missing_kinds.push(*kind),
            Outcome::Failed(error) => {
                observed.failed(error, format!("failed to apply {title}: {}", words(error)));
            }
        }
    }
    if let Some(error) = scaled.and_then(|scaled| scaled.error.as_ref()) {
        observed.failed(error, format!("failed to scale the Deployment: {}", words(error)));
    }
    observed.changes.extend(applied.pruned.iter().map(|(kind, name)| format!("deleted {} {name}", kind.as_str())));
    let not_pruned = |((kind, name), error): &((Kind, String), kube::Error)| {
        format!("failed to delete {} {name}: {}", kind.as_str(), words(error))
    };
    observed.failures.extend(applied.not_pruned.iter().map(not_pruned));
    let asked = applied.not_pruned.iter().map(|(_, error)| retry_after(error)).max();
    observed.retry_after = observed.retry_after.max(asked.unwrap_or_default());
    observed
}

impl Observed {
    fn failed(&mut self, error: &kube::Error, words: String) {
        self.retry_after = self.retry_after.max(retry_after(error));
        match cure(error) {
            Cure::Change => self.refused.push(words),
            Cure::Time => self.failures.push(words),
        }
    }
}

/// An image of the user's own need not speak the bundled server's `/status`.
fn reports(service: &ValidService, pods: &BTreeMap<String, Pod>) -> Option<Reports> {
    let own_image = service.spec().workload.image.is_some();
    if own_image && pods.values().all(|pod| pod.report.is_none()) {
        return None;
    }
    Reports::of(pods, service.generation())
}

fn live(applied: &Applied, kind: Kind) -> Option<&Value> {
    applied.children.iter().find(|child| child.kind == kind)?.live.as_ref().map(|live| &live.object)
}

/// Where an autoscaler decides, its word is in the Deployment.
fn wanted(service: &ValidService, deployment: Option<&Value>) -> i64 {
    let workload = &service.spec().workload;
    match workload.autoscaling {
        None => i64::from(workload.replicas),
        Some(_) => {
            let decided = deployment.and_then(|deployment| deployment["spec"]["replicas"].as_i64());
            decided.unwrap_or_else(|| i64::from(workload.fewest()))
        }
    }
}

fn addresses(ingress: &Value) -> Vec<String> {
    let entries = ingress["status"]["loadBalancer"]["ingress"].as_array().map(Vec::as_slice).unwrap_or_default();
    let address = |entry: &Value| entry["ip"].as_str().or(entry["hostname"].as_str()).map(str::to_owned);
    entries.iter().filter_map(address).collect()
}

fn of_deployment(wanted: i64, deployment: Option<&Value>) -> Pods {
    let Some(deployment) = deployment else { return Pods { wanted, ..Pods::default() } };
    let status = &deployment["status"];
    let number = |name: &str| status[name].as_i64().unwrap_or(0);
    // Before the Deployment controller has seen this template, its numbers speak of an older one.
    let seen = number("observedGeneration") >= deployment["metadata"]["generation"].as_i64().unwrap_or(0);
    let gave_up = |condition: &&Value| {
        (condition["type"] == "Progressing" && condition["status"] == "False")
            || (condition["type"] == "ReplicaFailure" && condition["status"] == "True")
    };
    Pods {
        wanted,
        exist: number("replicas"),
        current: if seen { number("updatedReplicas") } else { 0 },
        available: number("availableReplicas"),
        by_load: false,
        failing: status["conditions"]
            .as_array()
            .and_then(|conditions| conditions.iter().find(gave_up))
            .filter(|_| seen)
            .map(|condition| condition["message"].as_str().unwrap_or_default().to_owned()),
    }
}

/// What a failure goes away by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cure {
    /// Nobody has to do anything: the apiserver is away, is busy, or saw something newer.
    Time,
    /// The same request would be answered the same until somebody changes something.
    Change,
}

/// Bad request, forbidden and invalid ask for a change.
pub(crate) fn cure(error: &kube::Error) -> Cure {
    // What is no value of a field's type, such as a quantity without a number, is answered with 500.
    let is_unreadable =
        |words: &str| words.contains("failed to convert new object") || words.contains("failed to create typed");
    match error {
        kube::Error::Api(status) if matches!(status.code, 400 | 403 | 422) => Cure::Change,
        kube::Error::Api(status) if status.code == 500 && is_unreadable(&status.message) => Cure::Change,
        _ => Cure::Time,
    }
}

/// How long the apiserver asks to be left alone; nothing where it does not.
pub(crate) fn retry_after(error: &kube::Error) -> Duration {
    let seconds = match error {
        kube::Error::Api(status) => status.details.as_ref().map_or(0, |details| details.retry_after_seconds),
        _ => 0,
    };
    Duration::from_secs(seconds.into())
}

fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn what_time_mends_is_told_from_what_somebody_has_to_change() {
        let answer = |code, message: &str| {
            kube::Error::Api(Box::new(Status { code, message: message.to_owned(), ..Status::default() }))
        };
        for code in [401, 404, 409, 410, 429, 500, 502, 503, 504] {
            assert_eq!(cure(&answer(code, "later")), Cure::Time, "{code}");
        }
        assert_eq!(cure(&kube::Error::Service("connection refused".into())), Cure::Time);
        for code in [400, 403, 422] {
            assert_eq!(cure(&answer(code, "not so")), Cure::Change, "{code}");
        }
        assert_eq!(cure(&answer(500, "failed to create typed patch object")), Cure::Change);
    }
}
