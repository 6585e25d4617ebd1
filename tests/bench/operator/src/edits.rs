//! How long it takes from a change of one service until a child has it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::{Stream, StreamExt};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, ListParams, Patch, PatchParams, WatchEvent, WatchParams},
};
use realtime_crds::RealtimeService;
use realtime_tests::Child;
use serde_json::{Value, json};

use crate::site::{Side, Site, name};

/// How long changes took, sorted.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// Until the ConfigMap with the policy has an origin.
    pub origin: Vec<Duration>,
    /// The limit: until a ConfigMap has it that a bare client changes as soon as the service is changed.
    pub bare: Vec<Duration>,
    /// Until the Deployment has a label for its pods.
    pub label: Vec<Duration>,
}

/// Between two changes, so that each is one alone.
const BETWEEN: Duration = Duration::from_millis(150);
const LIMIT: Duration = Duration::from_secs(30);

/// Of services in all namespaces.
pub async fn measure(site: &Site, times: usize, services: usize) -> Result<Edits> {
    let origin = |number: usize| {
        let origin = format!("https://edit-{number}.domain-b.com");
        (json!({"spec": {"origins": {"allow": [origin]}}}), origin)
    };
    let label = |number: usize| {
        let value = format!("edit-{number}");
        (json!({"spec": {"workload": {"podLabels": {"edit": value}}}}), value)
    };
    let policy = |object: &DynamicObject| object.data["data"].to_string();
    let labels = |object: &DynamicObject| object.data["spec"]["template"]["metadata"]["labels"]["edit"].to_string();
    let times = (times, services);
    Ok(Edits {
        origin: one_by_one(&site.operated, Child::of("ConfigMap"), times, origin, policy, None).await?,
        bare: one_by_one(&site.bare, Child::of("ConfigMap"), times, origin, policy, Some(entry)).await?,
        label: one_by_one(&site.operated, Child::of("Deployment"), times, label, labels, None).await?,
    })
}

fn entry(value: &str) -> Value {
    json!({"data": {"edit": value}})
}

/// Where no operator is, the child is changed `by_hand`.
async fn one_by_one(
    side: &Side,
    child: Child,
    (times, services): (usize, usize),
    edit: impl Fn(usize) -> (Value, String),
    read: impl Fn(&DynamicObject) -> String,
    by_hand: Option<fn(&str) -> Value>,
) -> Result<Vec<Duration>> {
    let client = &side.stage.client;
    let all_of_kind = child.api_of_all(client);
    let version = all_of_kind.list_metadata(&ListParams::default().limit(1)).await?.metadata.resource_version;
    let mut events = Box::pin(watch(all_of_kind, version.context("a list has a version")?));
    let mut all = Vec::new();
    for number in 0..times {
        // Spread over all of them; 7919 is prime.
        let edited = number * 7919 % services;
        let (service, namespace) = (name(edited), side.namespace(edited));
        let api: Api<RealtimeService> = Api::namespaced(client.clone(), &namespace);
        let (patch, wanted) = edit(number);
        let began = Instant::now();
        api.patch(&service, &PatchParams::default(), &Patch::Merge(patch)).await?;
        if let Some(by_hand) = by_hand {
            let patch = Patch::Merge(by_hand(&wanted));
            let api = child.api(client, &namespace);
            api.patch_metadata(&child.name(&service), &PatchParams::default(), &patch).await?;
        }
        let arrives = async {
            while let Some(object) = events.next().await {
                let object = object?;
                if object.name_any() == child.name(&service) && read(&object).contains(&wanted) {
                    return anyhow::Ok(began.elapsed());
                }
            }
            anyhow::bail!("the watch ended")
        };
        let took = tokio::time::timeout(LIMIT, arrives).await;
        all.push(took.with_context(|| format!("{service} does not change"))??);
        tokio::time::sleep(BETWEEN).await;
    }
    all.sort();
    Ok(all)
}

/// What becomes of the objects from that version on, in one watch after the other.
fn watch(api: Api<DynamicObject>, version: String) -> impl Stream<Item = Result<DynamicObject>> {
    futures::stream::unfold((api, version, None), async |(api, mut version, mut open)| {
        loop {
            let mut events = match open.take() {
                Some(events) => events,
                None => match api.watch(&WatchParams::default(), &version).await {
                    Ok(events) => events.boxed(),
                    Err(error) => return Some((Err(error.into()), (api, version, None))),
                },
            };
            match events.next().await {
                Some(Ok(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                    version = object.resource_version().unwrap_or(version);
                    return Some((Ok(object), (api, version, Some(events))));
                }
                Some(Ok(_)) => open = Some(events),
                Some(Err(error)) => return Some((Err(error.into()), (api, version, None))),
                None => {}
            }
        }
    })
}

/// The value below which this share of the sorted ones lies.
pub fn share(sorted: &[Duration], share: f64) -> Duration {
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_hundred_the_99th_is_the_p99() {
        let all: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(share(&all, 0.5), Duration::from_millis(50));
        assert_eq!(share(&all, 0.99), Duration::from_millis(99));
        assert_eq!(share(&all[..1], 0.99), Duration::from_millis(1));
        assert_eq!(share(&[], 0.5), Duration::ZERO);
    }
}
