//! PURE: changing one's mind about the way in. The old route goes when the new one carries traffic, not before.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use crate::{
    children::{Key, Live},
    plan::{Child, Kind},
};

/// Annotations of a Service that Google's controllers read for the route that is on its way out.
const OF_ROUTES: &str = "cloud.google.com/";

/// Keeps what an old route needs for as long as the new one does not carry traffic: the planned Service goes on bearing its
/// annotations. Gives the children that are planned no longer and have to stay for now.
pub(crate) fn keep(planned: &mut [Child], live: &BTreeMap<Key, Arc<Live>>) -> BTreeSet<Key> {
    let is_planned = |key: &Key| planned.iter().any(|child| child.kind == key.0 && child.name == key.1);
    let Some(new) = planned.iter().find(|child| child.kind.is_route()) else { return BTreeSet::new() };
    let carries = live.get(&(new.kind, new.name.clone())).is_some_and(|new| carries_traffic(&new.object));
    let old = live.keys().find(|key| key.0.is_route() && !is_planned(key));
    let (Some(old), false) = (old, carries) else { return BTreeSet::new() };
    let stays = |key: &&Key| !is_planned(key) && (*key == old || key.0.serves_route(old.0));
    let kept = live.keys().filter(stays).cloned().collect();
    for service in planned.iter_mut().filter(|child| child.kind == Kind::Service) {
        if let Some(live) = live.get(&(Kind::Service, service.name.clone())) {
            carry_over(&mut service.object, &live.object);
        }
    }
    kept
}

fn carry_over(planned: &mut Value, live: &Value) {
    let Some(there) = live["metadata"]["annotations"].as_object() else { return };
    let of_routes = there.iter().filter(|(name, _)| name.starts_with(OF_ROUTES));
    // Google's own notes on the Service are not ours to send.
    let of_routes = of_routes
        .filter(|(name, _)| matches!(name.as_str(), "cloud.google.com/neg" | "cloud.google.com/backend-config"));
    for (name, value) in of_routes {
        let annotations = &mut planned["metadata"]["annotations"];
        if annotations.is_null() {
            *annotations = Value::Object(serde_json::Map::new());
        }
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
}

/// Whether a route has an address, or a Gateway that took it.
pub(crate) fn carries_traffic(route: &Value) -> bool {
    let has_address =
        route["status"]["loadBalancer"]["ingress"].as_array().is_some_and(|addresses| !addresses.is_empty());
    has_address || route["status"]["parents"].as_array().is_some_and(|parents| parents.iter().any(is_taken))
}

/// Whether a Gateway took this route as it is now.
fn is_taken(parent: &Value) -> bool {
    let holds = |name: &str| {
        parent["conditions"].as_array().is_some_and(|conditions| {
            conditions.iter().any(|condition| condition["type"] == name && condition["status"] == "True")
        })
    };
    holds("Accepted") && holds("ResolvedRefs")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(kind: Kind, object: Value) -> (Key, Arc<Live>) {
        let live = Live {
            uid: format!("{kind:?}"),
            resource_version: 1,
            owner: ("chat".to_owned(), "u".to_owned()),
            deleting: false,
            object,
            owned: Value::Null,
        };
        ((kind, "chat".to_owned()), Arc::new(live))
    }

    fn child(kind: Kind) -> Child {
        Child { kind, name: "chat".to_owned(), object: json!({"metadata": {"name": "chat"}}) }
    }

    fn gke() -> Vec<(Key, Arc<Live>)> {
        let annotations = json!({"cloud.google.com/neg": "{}", "cloud.google.com/backend-config": "b", "cloud.google.com/neg-status": "theirs", "other": "x"});
        vec![
            live(Kind::Ingress, json!({})),
            live(Kind::BackendConfig, json!({})),
            live(Kind::FrontendConfig, json!({})),
            live(Kind::Service, json!({"metadata": {"annotations": annotations}})),
        ]
    }

    #[test]
    fn the_old_route_stays_with_what_it_needs_until_a_gateway_takes_the_new_one() {
        let mut planned = vec![child(Kind::Service), child(Kind::HttpRoute)];
        let mut there: BTreeMap<_, _> = gke().into_iter().collect();
        let kept: Vec<_> = keep(&mut planned, &there).into_iter().map(|key| key.0).collect();
        assert_eq!(kept, [Kind::BackendConfig, Kind::FrontendConfig, Kind::Ingress]);
        let carried = json!({"cloud.google.com/neg": "{}", "cloud.google.com/backend-config": "b"});
        assert_eq!(planned[0].object["metadata"]["annotations"], carried);

        let condition = |name: &str| json!({"type": name, "status": "True"});
        let taken =
            json!({"status": {"parents": [{"conditions": [condition("Accepted"), condition("ResolvedRefs")]}]}});
        there.extend([live(Kind::HttpRoute, taken)]);
        let mut planned = vec![child(Kind::Service), child(Kind::HttpRoute)];
        assert!(keep(&mut planned, &there).is_empty());
        assert!(planned[0].object["metadata"]["annotations"].is_null());
    }

    #[test]
    fn without_a_new_route_the_old_one_goes_at_once() {
        assert!(keep(&mut [child(Kind::Service)], &gke().into_iter().collect()).is_empty());
    }

    #[test]
    fn a_route_that_is_only_changed_is_no_other_route() {
        let mut planned = vec![child(Kind::Service), child(Kind::Ingress), child(Kind::BackendConfig)];
        assert!(keep(&mut planned, &gke().into_iter().collect()).is_empty());
        assert!(planned[0].object["metadata"]["annotations"].is_null());
    }
}
