//! What there is of a service, in a form in which two runs can be compared.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use futures::future::try_join_all;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::DynamicObject;
use realtime_crds::RealtimeService;
use realtime_tests::Child;
use serde_json::{Value, json};

use crate::Ground;

/// Children by kind.
pub type Children = BTreeMap<&'static str, Value>;

/// How much of a child counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What it says.
    Content,
    /// Also who owns which field, and how often it changed.
    Ownership,
}

/// How long an operator that has come to its end keeps silent.
const QUIET: Duration = Duration::from_millis(600);
/// How long anything may take.
pub const LIMIT: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(100);

impl Ground {
    /// The children of a service as they are; empty ones of kinds that are not there.
    ///
    /// # Errors
    /// When the apiserver fails.
    pub async fn raw(&self, service: &str) -> Result<Children> {
        let one = async |child: Child| -> Result<Option<(&'static str, Value)>> {
            let object = self.one(child, service).await?;
            Ok(object.map(|object| (child.kind, serde_json::to_value(object).expect("an object is JSON"))))
        };
        Ok(try_join_all(Child::all().map(one)).await?.into_iter().flatten().collect())
    }

    /// One child of a service; none where it is not there.
    ///
    /// # Errors
    /// When the apiserver fails.
    pub async fn one(&self, child: Child, service: &str) -> Result<Option<DynamicObject>> {
        match child.api(&self.client, &self.namespace).get_opt(&child.name(service)).await {
            // The kind is not installed.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            object => Ok(object?),
        }
    }

    /// The children in the form for comparisons.
    ///
    /// # Errors
    /// When the apiserver fails.
    pub async fn children(&self, service: &str, detail: Detail) -> Result<Children> {
        let mut raw = self.raw(service).await?;
        let there = self.services().get_opt(service).await?;
        let scaled = there.is_some_and(|it| it.spec.workload.autoscaling.is_some());
        let autoscaler = raw.contains_key("HorizontalPodAutoscaler");
        for (kind, object) in &mut raw {
            normalise(object, detail);
            if *kind == "Deployment" {
                // An autoscaler that is there, or was, changes it too.
                remove(&mut object["metadata"], &["generation"]);
                if scaled || autoscaler {
                    remove(&mut object["spec"], &["replicas"]);
                }
            }
            if !MEANS_EMPTY.contains(kind) {
                without_empty(object);
            }
            let text = object.to_string().replace(&self.namespace, "NAMESPACE");
            *object = serde_json::from_str(&text).context("JSON stays JSON")?;
        }
        Ok(raw)
    }

    /// Waits until the number of pods is one that the service's autoscaler leaves alone. Kubernetes' own sends what it has decided once
    /// more after a conflict, over a number that somebody has set meanwhile.
    ///
    /// # Errors
    /// When it stays another one.
    pub async fn within_limits(&self, service: &str) -> Result<()> {
        let end = Instant::now() + LIMIT;
        loop {
            let raw = self.raw(service).await?;
            let Some(autoscaler) = raw.get("HorizontalPodAutoscaler") else { return Ok(()) };
            let limit = |name: &str| autoscaler["spec"][name].as_i64().unwrap_or(1);
            let pods = raw.get("Deployment").and_then(|it| it["spec"]["replicas"].as_i64());
            if pods.is_some_and(|pods| (limit("minReplicas")..=limit("maxReplicas")).contains(&pods)) {
                return Ok(());
            }
            ensure!(Instant::now() < end, "its autoscaler leaves it with {pods:?} pods");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until nothing of a service is left.
    ///
    /// # Errors
    /// When something stays.
    pub async fn gone(&self, service: &str) -> Result<()> {
        // Kubernetes' garbage collector takes the children, and stops for a while when it looks at the kinds anew.
        let end = Instant::now() + 3 * LIMIT;
        loop {
            // Where it has one, that is waited for alone: each question costs the apiserver something.
            let left = match self.one(Child::of("Deployment"), service).await? {
                Some(_) => vec!["Deployment"],
                None => self.raw(service).await?.into_keys().collect(),
            };
            if left.is_empty() && self.services().get_opt(service).await?.is_none() {
                return Ok(());
            }
            ensure!(Instant::now() < end, "still there: {left:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until the operator has nothing more to do for a service, and its status speaks of what there is.
    ///
    /// # Errors
    /// With what it waits for.
    pub async fn settled(&self, service: &str) -> Result<RealtimeService> {
        self.settled_within(service, LIMIT).await
    }

    /// The same with a limit of its own.
    ///
    /// # Errors
    /// With what it waits for.
    pub async fn settled_within(&self, service: &str, limit: Duration) -> Result<RealtimeService> {
        let end = Instant::now() + limit;
        loop {
            let yet = match self.at_rest(service).await {
                Ok(there) => return Ok(there),
                Err(yet) => yet,
            };
            if Instant::now() >= end {
                bail!("does not settle within {limit:?}: {yet:#}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until a service is settled or gone, and has been asked for nothing for long enough that no write can come.
    ///
    /// # Errors
    /// When the operator does not come to rest.
    pub async fn came_to_rest(&self, service: &str) -> Result<()> {
        let since = Instant::now();
        loop {
            tokio::time::sleep(PAUSE).await;
            let there = self.services().get_opt(service).await?.is_some();
            let rests = if there { self.at_rest(service).await.is_ok() } else { self.raw(service).await?.is_empty() };
            let silent = self.proxy.record().last(service).is_none_or(|last| last.elapsed() >= 3 * QUIET);
            if rests && silent && since.elapsed() >= 3 * QUIET {
                return Ok(());
            }
            ensure!(since.elapsed() < LIMIT, "it does not come to rest");
        }
    }

    async fn at_rest(&self, service: &str) -> Result<RealtimeService> {
        let silent = self.proxy.record().last(service).is_none_or(|last| last.elapsed() >= QUIET);
        ensure!(silent, "the operator still asks: {:?}", self.last_words(service));
        let deployment = Child::of("Deployment").api(&self.client, &self.namespace).get_opt(service).await?;
        let there = self.services().get(service).await?;
        let status = there.status.as_ref().context("it has no status")?;
        let observed = status.observed_generation;
        ensure!(observed == there.metadata.generation, "its status is of generation {observed:?}");
        let condition = |name: &str| status.conditions.iter().find(|it| it.type_ == name);
        let Some(deployment) = deployment else {
            // Asked for before the status was: it may be there by now.
            let has_none = |it: &&Condition| it.status == "False" || it.reason == "Paused";
            let said = condition("Accepted").filter(has_none).or(condition("Programmed").filter(has_none));
            ensure!(said.is_some(), "there is no Deployment, and Programmed is {:?}", condition("Programmed"));
            return Ok(there);
        };
        let said = &deployment.data["status"];
        let generation = json!(deployment.metadata.generation);
        ensure!(said["observedGeneration"] == generation, "the Deployment's controller has not seen it");
        let accepted = condition("Accepted").is_some_and(|it| it.status == "True");
        let exist = said["replicas"].as_i64().unwrap_or(0);
        ensure!(!accepted || i64::from(status.replicas) == exist, "{} pods are said, {exist} exist", status.replicas);
        Ok(there)
    }

    /// What was asked for a service last, with the answers.
    pub(crate) fn last_words(&self, service: &str) -> Vec<String> {
        let record = self.proxy.record();
        let all = record.since(record.len().saturating_sub(200), |it| crate::proxy::concerns(service, &it.asked.name));
        let word = |it: &crate::proxy::Entry| {
            format!("{:?} {} {} → {} {}", it.asked.verb, it.asked.plural, it.asked.name, it.code, it.answer["message"])
        };
        all.iter().rev().take(4).map(word).collect()
    }
}

/// What a status says, without times and generations.
#[must_use]
pub fn said(service: &RealtimeService) -> Value {
    let mut status = serde_json::to_value(&service.status).expect("a status is JSON");
    remove(&mut status, &["observedGeneration"]);
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        remove(condition, &["observedGeneration", "lastTransitionTime"]);
    }
    status
}

/// What a status says that does not depend on how far a rollout is.
#[must_use]
pub fn lasting(service: &RealtimeService) -> Value {
    let mut status = said(service);
    if let Some(fields) = status.as_object_mut() {
        fields.remove("pods");
        fields.remove("replicas");
    }
    let passing = ["Available", "Ready", "Reconciling", "Stalled", "ScalingActive"];
    if let Some(conditions) = status["conditions"].as_array_mut() {
        conditions.retain(|it| !passing.iter().any(|name| it["type"] == *name));
    }
    status
}

/// The children of a service as if it had another name.
#[must_use]
pub fn renamed(children: &Children, name: &str) -> Children {
    let renamed =
        |child: &Value| serde_json::from_str(&child.to_string().replace(name, "NAME")).expect("JSON stays JSON");
    children.iter().map(|(kind, child)| (*kind, renamed(child))).collect()
}

/// Why two sets of children are not the same.
#[must_use]
pub fn difference(wanted: &Children, found: &Children) -> Option<String> {
    let kinds = |children: &Children| children.keys().copied().collect::<Vec<_>>();
    if kinds(wanted) != kinds(found) {
        return Some(format!("wanted {:?}, found {:?}", kinds(wanted), kinds(found)));
    }
    let differ = wanted.iter().filter_map(|(kind, wanted)| first_difference(wanted, &found[kind], kind));
    let differ: Vec<_> = differ.collect();
    (!differ.is_empty()).then(|| differ.join("; "))
}

/// The first place where two values differ.
#[must_use]
pub fn first_difference(wanted: &Value, found: &Value, path: &str) -> Option<String> {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            let names = wanted.keys().chain(found.keys().filter(|name| !wanted.contains_key(*name)));
            let of =
                |map: &serde_json::Map<String, Value>, name: &String| map.get(name).cloned().unwrap_or(Value::Null);
            names
                .map(|name| first_difference(&of(wanted, name), &of(found, name), &format!("{path}.{name}")))
                .find_map(|it| it)
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            let mut pairs = wanted.iter().zip(found).enumerate();
            pairs.find_map(|(number, (wanted, found))| first_difference(wanted, found, &format!("{path}[{number}]")))
        }
        (wanted, found) if wanted == found => None,
        (wanted, found) => Some(format!("{path}: wanted {wanted}, found {found}")),
    }
}

fn normalise(object: &mut Value, detail: Detail) {
    remove(object, &["status"]);
    let meta = &mut object["metadata"];
    remove(meta, &["uid", "resourceVersion", "creationTimestamp"]);
    for owner in meta["ownerReferences"].as_array_mut().into_iter().flatten() {
        remove(owner, &["uid"]);
    }
    remove(&mut meta["annotations"], &["deployment.kubernetes.io/revision"]);
    if meta["annotations"].as_object().is_some_and(serde_json::Map::is_empty) {
        remove(meta, &["annotations"]);
    }
    match detail {
        Detail::Content => remove(meta, &["managedFields", "generation"]),
        Detail::Ownership => {
            let fields = meta["managedFields"].as_array_mut();
            let own =
                |it: &&mut Value| it["manager"].as_str().is_some_and(|name| name.starts_with("realtime-operator"));
            let mut entries: Vec<Value> = fields.into_iter().flatten().filter(own).map(|it| it.take()).collect();
            for entry in &mut entries {
                remove(entry, &["time"]);
                // An owner is named in it by its uid.
                remove(&mut entry["fieldsV1"]["f:metadata"], &["f:ownerReferences"]);
            }
            entries.sort_by_key(Value::to_string);
            meta["managedFields"] = Value::Array(entries);
        }
    }
    if let Some(text) = object["data"]["policy.yaml"].as_str() {
        let mut policy: Value = serde_json::from_str(text).unwrap_or_default();
        remove(&mut policy["metadata"], &["uid"]);
        if let Detail::Content = detail {
            remove(&mut policy["metadata"], &["generation"]);
        }
        object["data"]["policy.yaml"] = policy;
    }
    if object["kind"] == "Service" {
        let spec = &mut object["spec"];
        remove(spec, &["clusterIP", "clusterIPs", "healthCheckNodePort"]);
        spec["ports"].as_array_mut().into_iter().flatten().for_each(|port| remove(port, &["nodePort"]));
    }
}

/// Google's controllers tell an empty field from one that is absent.
const MEANS_EMPTY: [&str; 4] = ["BackendConfig", "FrontendConfig", "GCPBackendPolicy", "HealthCheckPolicy"];

fn without_empty(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(without_empty);
            fields.retain(|_, value| !value.is_null() && value.as_object().is_none_or(|inner| !inner.is_empty()));
        }
        Value::Array(items) => items.iter_mut().for_each(without_empty),
        _ => {}
    }
}

fn remove(value: &mut Value, names: &[&str]) {
    if let Some(fields) = value.as_object_mut() {
        names.iter().for_each(|name| drop(fields.remove(*name)));
    }
}
