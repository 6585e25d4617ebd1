//! The earlier keeps its place, and the later gets it when it becomes free.

use serde_json::{Value, json};

use super::*;

fn service(name: &str, second: u32, spec: &Value, accepted: bool) -> RealtimeService {
    let mut spec = spec.clone();
    spec["origins"] = json!({"allow": ["https://app.domain-b.com"]});
    let status = accepted.then(|| {
        json!({"url": format!("https://{}/socket.io", spec["host"].as_str().unwrap_or_default()),
        "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
    });
    serde_json::from_value(json!({
        "apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService",
        "metadata": {"name": name, "namespace": "ns", "creationTimestamp": format!("2026-01-01T00:00:{second:02}Z")},
        "spec": spec, "status": status,
    }))
    .expect("a service")
}

fn at(host: &str) -> Value {
    json!({"host": host})
}

#[test]
fn of_two_newcomers_the_older_holds_the_place() {
    let claims = Claims::default();
    let (older, newer) = (service("b", 1, &at("a.com"), false), service("a", 2, &at("a.com"), false));
    claims.put(&newer);
    claims.put(&older);
    assert_eq!(claims.holder(&older), None);
    assert_eq!(claims.holder(&newer), Some(("ns".to_owned(), "b".to_owned())));
}

#[test]
fn who_serves_keeps_its_place_from_an_older_one_that_moves_in() {
    let claims = Claims::default();
    let (serving, mover) = (service("serving", 9, &at("a.com"), true), service("mover", 1, &at("a.com"), false));
    claims.put(&serving);
    claims.put(&mover);
    assert_eq!(claims.holder(&serving), None);
    assert_eq!(claims.holder(&mover), Some(("ns".to_owned(), "serving".to_owned())));
}

#[test]
fn the_later_is_told_when_the_place_is_left_or_its_holder_is_deleted() {
    let claims = Claims::default();
    let (first, second) = (service("first", 1, &at("a.com"), true), service("second", 2, &at("a.com"), false));
    claims.put(&first);
    claims.put(&second);
    assert_eq!(claims.put(&service("first", 1, &at("b.com"), true)), [key(&second)]);
    assert_eq!(claims.holder(&second), None);
    claims.put(&first);
    assert_eq!(claims.delete(&key(&first)), [key(&second)]);
    assert_eq!(claims.holder(&second), None);
    claims.put(&first);
    assert_eq!(claims.keep_only(None, &BTreeSet::from([key(&second)])), [key(&second)]);
}

#[test]
fn another_path_class_or_way_in_is_another_place() {
    let claims = Claims::default();
    claims.put(&service("first", 1, &at("a.com"), true));
    for spec in [
        json!({"host": "a.com", "path": "/other"}),
        json!({"host": "a.com", "exposure": {"gke": {"class": "gce-internal"}}}),
        json!({"host": "a.com", "exposure": {"ingress": {"className": "nginx"}}}),
        json!({"host": "a.com", "exposure": {"gateway": {"parentRefs": [{"name": "web"}]}}}),
        json!({"host": "a.com", "exposure": {"none": {}}}),
    ] {
        let other = service("second", 2, &spec, false);
        claims.put(&other);
        assert_eq!(claims.holder(&other), None, "{spec}");
    }
}

#[test]
fn routes_at_the_same_gateway_meet_whichever_namespace_they_name_it_from() {
    let claims = Claims::default();
    let spec = |parents: Value| json!({"host": "a.com", "exposure": {"gateway": {"parentRefs": parents}}});
    let first = service("first", 1, &spec(json!([{"name": "web"}, {"name": "edge", "namespace": "infra"}])), true);
    let second = service("second", 2, &spec(json!([{"name": "web", "namespace": "ns"}])), false);
    claims.put(&first);
    claims.put(&second);
    assert_eq!(claims.holder(&second), Some(key(&first)));
}
