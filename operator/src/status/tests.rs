//! Status says the truth, and says it in few words.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::*;
use crate::{
    autoscale::{Scaling, Why},
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
        pods: Pods { wanted: 3, by_load: false, exist: 3, current: 3, available: 3, failing: None },
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

#[test]
fn pods_that_wait_for_a_secret_name_it_and_where_to_look() {
    let needs = vec!["Secret chat-keys with the key jwks.json".to_owned()];
    let message = |pods: Pods| {
        let status = of(Observed { pods, needs: needs.clone(), selector: "a=b".to_owned(), ..ready() });
        condition(&status, "Available").expect("Available is always there").message.clone()
    };
    let waits = message(Pods { available: 0, ..ready().pods });
    assert!(waits.ends_with("Pods start when this is there: Secret chat-keys with the key jwks.json."), "{waits}");
    let gave_up = message(Pods { available: 0, failing: Some("timed out.".to_owned()), ..ready().pods });
    assert!(
        gave_up.contains("timed out. Pods start when") && gave_up.ends_with("kubectl describe pods -l a=b"),
        "{gave_up}"
    );
    assert!(!message(ready().pods).contains("Secret"), "there is nothing to wait for");
}

#[test]
fn an_answer_of_before_a_restart_stands_until_there_is_another() {
    use crate::probe::Probed;
    let failed = Condition {
        type_: "Reachable".to_owned(),
        status: "False".to_owned(),
        reason: "Tls".to_owned(),
        message: "why".to_owned(),
        observed_generation: Some(1),
        last_transition_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(5)),
    };
    let previous = RealtimeServiceStatus { conditions: vec![failed], ..RealtimeServiceStatus::default() };
    let pending = || Outcome::Observed(Box::new(Observed { probed: Some(Probed::Pending), ..ready() }));
    let same = status(&previous, 1, &pending(), at(100));
    let kept = condition(&same, "Reachable").expect("it stands");
    assert_eq!((kept.status.as_str(), kept.reason.as_str(), kept.message.as_str()), ("False", "Tls", "why"));
    assert_eq!(ready_is(&same), ("True", "Available"), "it is no part of Ready");
    let ready = condition(&same, "Ready").expect("Ready is always there");
    assert!(ready.message.contains("(Tls)"), "Ready mentions it: {}", ready.message);
    let changed = status(&previous, 2, &pending(), at(100));
    let pending = condition(&changed, "Reachable").expect("a probe is asked for");
    assert_eq!((pending.status.as_str(), pending.reason.as_str()), ("Unknown", "ProbePending"));
    let none = status(&previous, 2, &Outcome::Observed(Box::new(self::ready())), at(100));
    assert!(condition(&none, "Reachable").is_none(), "nobody asks any more");
}

#[test]
fn a_probe_is_news_when_its_rung_is_another_and_not_when_its_words_are() {
    let said = |status: &str, reason: &str, message: &str| RealtimeServiceStatus {
        conditions: vec![Condition {
            type_: "Reachable".to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: message.to_owned(),
            observed_generation: Some(1),
            last_transition_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(5)),
        }],
        ..RealtimeServiceStatus::default()
    };
    let news = |before: &RealtimeServiceStatus, now: &RealtimeServiceStatus| News::between(before, now).probe;
    let tls = said("False", "Tls", "a");
    assert_eq!(news(&tls, &said("False", "Tls", "b")), None);
    assert_eq!(news(&tls, &said("False", "Path", "c")), Some((false, "c".to_owned())));
    assert_eq!(news(&tls, &said("True", "AllHold", "d")), Some((true, "d".to_owned())));
    assert_eq!(news(&RealtimeServiceStatus::default(), &tls), Some((false, "a".to_owned())));
    assert_eq!(news(&tls, &said("Unknown", "ProbePending", "e")), None);
}

#[test]
fn what_decides_on_the_number_of_pods_is_said_and_keeps_no_client_away() {
    let says = |why: Why, reported: bool| {
        let scaling = Scaling { why, reported, contested: false, change: None, again: None };
        let status = of(Observed { scaling: Some(scaling), ..ready() });
        assert_eq!(ready_is(&status), ("True", "Available"), "{why:?}");
        condition(&status, "ScalingActive").map(|it| (it.status.clone(), it.reason.clone()))
    };
    for why in Why::ALL {
        let expected = match why {
            Why::NotAlone => None,
            Why::NoReports => Some(("Unknown", "ConnectionsUnknown")),
            Why::ScaledToZero => Some(("False", "ScaledToZero")),
            Why::AtMaxReplicas => Some(("True", "AtMaxReplicas")),
            _ => Some(("True", "ScalingByConnections")),
        };
        let reported = *why != Why::NoReports;
        let expected = expected.map(|(status, reason)| (status.to_owned(), reason.to_owned()));
        assert_eq!(says(*why, reported), expected, "{why:?}");
    }
    for why in [Why::BelowMinReplicas, Why::AboveMaxReplicas, Why::Steady, Why::Settling] {
        let (status, reason) = says(why, false).expect("connections decide");
        assert_eq!((&*status, &*reason), ("Unknown", "ConnectionsUnknown"), "{why:?}, and no pod reports");
    }
    assert!(condition(&of(ready()), "ScalingActive").is_none(), "where connections do not decide");
}

#[test]
fn who_takes_back_what_the_operator_sets_is_to_be_looked_for() {
    let why = Why::AboveMaxReplicas;
    let scaling = Scaling { why, reported: false, contested: true, change: None, again: None };
    let status = of(Observed { scaling: Some(scaling), ..ready() });
    let active = condition(&status, "ScalingActive").expect("connections decide");
    assert_eq!((&*active.status, &*active.reason), ("False", "Contested"));
    assert!(active.message.contains("HorizontalPodAutoscaler"), "{}", active.message);
    assert_eq!(ready_is(&status), ("True", "Available"));
}

#[test]
fn who_scaled_to_zero_is_named() {
    let message = |by_load: bool| {
        let status = of(Observed { pods: Pods { wanted: 0, by_load, ..Pods::default() }, ..ready() });
        condition(&status, "Available").map(|it| it.message.clone()).expect("it is always there")
    };
    assert!(message(false).starts_with("spec.workload.replicas is 0"));
    assert!(message(true).starts_with("Somebody scaled the Deployment to 0"));
}
