//! Status says the truth, and says it in few words.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::*;
use crate::{
    fleet::Backplane,
    observe::{Pods, Reports},
    plan::Kind,
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn ready() -> Observed {
    Observed {
        addresses: vec!["203.0.113.7".to_owned()],
        needs_address: true,
        pods: Pods { wanted: 3, exist: 3, current: 3, available: 3, failing: None },
        ..Observed::default()
    }
}

fn of(observed: Observed) -> RealtimeServiceStatus {
    status(&RealtimeServiceStatus::default(), 1, &Outcome::Observed(Box::new(observed)), at(100))
}

fn condition<'a>(status: &'a RealtimeServiceStatus, name: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.type_ == name)
}

fn ready_is(status: &RealtimeServiceStatus) -> (&str, &str) {
    let ready = condition(status, "Ready").expect("Ready is always there");
    (&ready.status, &ready.reason)
}

#[test]
fn ready_says_the_worst_of_its_parts() {
    assert_eq!(ready_is(&of(ready())), ("True", "Available"));
    let foreign = Observed { foreign: vec!["ConfigMap chat-policy".to_owned()], ..ready() };
    assert_eq!(ready_is(&of(foreign)), ("False", "ForeignObject"));
    let missing = Observed { missing_kinds: vec![Kind::BackendConfig], addresses: Vec::new(), ..ready() };
    assert_eq!(ready_is(&of(missing)), ("False", "KindMissing"));
    let failing = Pods { failing: Some("quota".to_owned()), ..ready().pods };
    assert_eq!(ready_is(&of(Observed { pods: failing, addresses: Vec::new(), ..ready() })), ("False", "PodsFailing"));
}

#[test]
fn while_on_the_way_ready_is_unknown_and_reconciling_is_there() {
    for observed in [
        Observed { addresses: Vec::new(), ..ready() },
        Observed { pods: Pods { available: 2, ..ready().pods }, ..ready() },
        Observed { pods: Pods { current: 1, ..ready().pods }, ..ready() },
        Observed { failures: vec!["failed to apply Service chat: timeout".to_owned()], ..ready() },
    ] {
        let status = of(observed);
        assert_eq!(ready_is(&status).0, "Unknown", "{status:?}");
        assert!(condition(&status, "Reconciling").is_some());
        assert!(condition(&status, "Stalled").is_none());
    }
    assert!(condition(&of(ready()), "Reconciling").is_none());
}

#[test]
fn the_transition_time_moves_only_when_the_status_does() {
    let first = of(Observed { addresses: Vec::new(), ..ready() });
    let same = status(&first, 2, &Outcome::Observed(Box::new(Observed { addresses: Vec::new(), ..ready() })), at(200));
    let then = status(&same, 2, &Outcome::Observed(Box::new(ready())), at(300));
    let since = |status| condition(status, "Ready").map(|ready| ready.last_transition_time.0);
    assert_eq!((since(&first), since(&same), since(&then)), (Some(at(100)), Some(at(100)), Some(at(300))));
    assert_eq!(condition(&same, "Ready").and_then(|ready| ready.observed_generation), Some(2));
}

#[test]
fn an_invalid_spec_keeps_what_is_known_of_what_runs() {
    let before = of(ready());
    let problems = vec![Problem::invalid("spec.origins.allow[0]", "is no origin")];
    let after = status(&before, 2, &Outcome::Invalid(problems), at(200));
    assert_eq!(ready_is(&after), ("False", "Invalid"));
    assert_eq!(after.pods, before.pods);
    assert_eq!(condition(&after, "Available").and_then(|known| known.observed_generation), Some(1));
    assert!(condition(&after, "Stalled").is_some_and(|stalled| stalled.message.contains("spec.origins.allow[0]")));
}

#[test]
fn the_same_outcome_gives_the_same_status() {
    let once = of(ready());
    assert_eq!(status(&once, 1, &Outcome::Observed(Box::new(ready())), at(999)), once);
}

#[test]
fn hostile_origins_cannot_grow_the_status_beyond_16_kib() {
    let quotes = "\"".repeat(1000);
    let line = |i: u32| {
        serde_json::json!({"origin": format!("{i}{quotes}"), "count": u64::MAX, "lastSeen": quotes, "reason": quotes,
        "hint": quotes, "message": quotes})
    };
    let body = serde_json::json!({"policyGeneration": 1, "deniedOrigins": (0..20).map(line).collect::<Vec<_>>()});
    let pods = (0..5).map(|i| {
        let report = crate::fleet::Report::read(body.to_string().as_bytes()).expect("a report");
        let pod = crate::fleet::Pod {
            uid: i.to_string(),
            address: [127, 0, 0, 1].into(),
            leaving: false,
            report: Some(report),
            cost: None,
            misses: 0,
        };
        (i.to_string(), pod)
    });
    let reports = crate::observe::Reports::of(&pods.collect(), 1);
    let status = of(Observed { reports, ..ready() });
    let bytes = serde_json::to_string(&status).expect("a status is JSON").len();
    assert!(bytes < 16 * 1024, "{bytes} bytes");
    assert_eq!(status.denied_origins.len(), 10);
}

#[test]
fn a_backplane_that_is_away_is_said_and_clients_can_connect_all_the_same() {
    let away = |reason: &str| {
        let backplane = Backplane { connected: false, reason: Some(reason.to_owned()), message: Some("no".to_owned()) };
        Reports { current: 2, joined: 1, apart: vec![("chat-b".to_owned(), backplane)], ..Reports::default() }
    };
    for (word, reason) in [
        ("NoUrl", "BackplaneNotConfigured"),
        ("AuthenticationFailed", "BackplaneRefused"),
        ("Unreachable", "BackplaneUnreachable"),
        ("news", "BackplaneUnreachable"),
    ] {
        let status = of(Observed { reports: Some(away(word)), ..ready() });
        let backplane = condition(&status, "BackplaneConnected").expect("a pod spoke of it");
        assert_eq!((backplane.status.as_str(), backplane.reason.as_str()), ("False", reason));
        assert!(
            backplane.message.starts_with(&format!("1 of 2 pods reach the backplane; chat-b does not ({word}: no)."))
        );
        assert_eq!(ready_is(&status), ("True", "Available"));
    }
    let whole = Reports { current: 2, joined: 2, ..Reports::default() };
    let status = of(Observed { reports: Some(whole), ..ready() });
    assert_eq!(condition(&status, "BackplaneConnected").map(|condition| condition.status.as_str()), Some("True"));
    let none = of(Observed { reports: Some(Reports { current: 2, ..Reports::default() }), ..ready() });
    assert!(condition(&none, "BackplaneConnected").is_none());
}
