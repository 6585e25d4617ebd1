//! PURE: what there is to say of a service.

use k8s_openapi::{
    api::{core::v1::Pod, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::Condition,
    jiff::Timestamp,
};
use kube::ResourceExt;
use realtime_crds::{
    RealtimeService,
    conditions::ConditionType,
    v1alpha1::{DeniedOrigin, Effective},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::verdict::Verdict;

/// A service, its pods and what happened to it.
#[derive(Debug)]
pub(super) struct View {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) url: Option<String>,
    pub(super) conditions: Vec<Condition>,
    pub(super) generation: i64,
    pub(super) observed: i64,
    pub(super) connections: Option<i64>,
    pub(super) wanted: Option<String>,
    pub(super) effective: Option<Effective>,
    pub(super) denied: Vec<DeniedOrigin>,
    pub(super) pods: Vec<PodView>,
    pub(super) events: Vec<Happened>,
    pub(super) now: Timestamp,
}

/// A pod.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodView {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) restarts: i32,
    pub(super) connections: Option<u64>,
    pub(super) policy_generation: Option<i64>,
    pub(super) backplane: Option<bool>,
    pub(super) node: String,
}

/// An Event.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Happened {
    pub(super) at: Timestamp,
    pub(super) kind: String,
    pub(super) reason: String,
    pub(super) note: String,
}

impl PodView {
    pub(super) fn new(pod: &Pod, connections: Option<u64>, generation: Option<i64>, backplane: Option<bool>) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let containers = status.container_statuses.unwrap_or_default();
        let is_ready = status
            .conditions
            .iter()
            .flatten()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True");
        let waits = containers.iter().find_map(|container| container.state.as_ref()?.waiting.as_ref()?.reason.clone());
        let state = match (pod.metadata.deletion_timestamp.is_some(), waits) {
            (true, _) => "Leaving".to_owned(),
            (false, Some(reason)) => reason,
            (false, None) if is_ready => "Ready".to_owned(),
            (false, None) => status.phase.unwrap_or_else(|| "Unknown".to_owned()),
        };
        Self {
            name: pod.name_any(),
            state,
            restarts: containers.iter().map(|container| container.restart_count).sum(),
            connections,
            policy_generation: generation,
            backplane,
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
        }
    }
}

impl Happened {
    pub(super) fn new(event: &Event) -> Self {
        let of_series = event.series.as_ref().map(|series| series.last_observed_time.0);
        Self {
            at: of_series.or_else(|| event.event_time.as_ref().map(|time| time.0)).unwrap_or(Timestamp::UNIX_EPOCH),
            kind: event.type_.clone().unwrap_or_default(),
            reason: event.reason.clone().unwrap_or_default(),
            note: event.note.clone().unwrap_or_default(),
        }
    }
}

impl View {
    pub(super) fn new(service: RealtimeService, pods: Vec<PodView>, events: Vec<Happened>, now: Timestamp) -> Self {
        let (name, namespace) = (service.name_any(), service.namespace().unwrap_or_default());
        let generation = service.metadata.generation.unwrap_or(0);
        let status = service.status.unwrap_or_default();
        Self {
            name,
            namespace,
            url: status.url,
            conditions: status.conditions,
            generation,
            observed: status.observed_generation.unwrap_or(0),
            connections: status.connections,
            wanted: status.pods,
            effective: status.effective,
            denied: status.denied_origins,
            pods,
            events,
            now,
        }
    }

    pub(super) fn ready(&self) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str())
    }

    /// What the operator's own probe found, where the service asks for one.
    pub(super) fn probe(&self) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == ConditionType::Reachable.as_str())
    }

    /// Whether the operator has seen what the spec says now.
    pub(super) fn is_current(&self) -> bool {
        self.observed >= self.generation
    }

    pub(super) fn verdict(&self) -> Verdict {
        match self.ready().map(|ready| ready.status.as_str()) {
            Some("True") if self.is_current() => Verdict::Good,
            Some("False") => Verdict::Bad,
            // Nobody has written anything yet, or is on it.
            Some(_) | None => Verdict::Warning,
        }
    }

    pub(super) fn json(&self) -> Value {
        let verdict = match self.verdict() {
            Verdict::Good => "good",
            Verdict::Warning => "warning",
            Verdict::Bad | Verdict::InvalidInput => "bad",
        };
        let reason = match self.ready() {
            Some(ready) if self.is_current() => ready.reason.clone(),
            Some(_) => "OutOfDate".to_owned(),
            None => "NoOperator".to_owned(),
        };
        json!({
            "verdict": verdict, "reason": reason, "name": self.name, "namespace": self.namespace, "url": self.url,
            "generation": self.generation, "observedGeneration": self.observed, "conditions": self.conditions,
            "connections": self.connections, "pods": self.pods, "effective": self.effective,
            "deniedOrigins": self.denied, "events": self.events,
        })
    }
}
