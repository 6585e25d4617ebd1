//! What is said about a change.

use proptest::prelude::*;
use realtime_crds::{ValidService, manifest};
use serde_json::{Value, json};

use super::*;

fn service(spec: &Value) -> ValidService {
    let document = json!({"apiVersion": manifest::API_VERSION, "kind": "RealtimeService",
        "metadata": {"name": "chat", "namespace": "team-a", "uid": "u-1", "generation": 4}, "spec": spec});
    let service = manifest::one(&document).unwrap_or_else(|problems| panic!("{spec}: {problems:?}"));
    ValidService::new(&service).expect("a valid service")
}

/// Three pods behind Google's load balancer; `over` replaces fields at the top of the spec.
fn with(over: Value) -> ValidService {
    let mut spec = json!({
        "host": "chat.domain-a.com",
        "origins": {"allow": ["https://app.domain-b.com", "https://old.example", "https://*.preview.domain-b.com"]},
        "workload": {"replicas": 3},
        "exposure": {"gke": {}},
    });
    spec.as_object_mut().expect("fields").extend(over.as_object().expect("fields").clone());
    service(&spec)
}

const LIVE: LiveFacts = LiveFacts { connections: Some(1204), pods: Some(3), pods_differ: false };

/// Where each reason stands with its impact.
const DOCUMENTED: &str = include_str!("../../../docs/cli.md");

fn is_documented(effect: &Effect) -> bool {
    let impact = serde_json::to_value(effect.impact()).expect("JSON");
    DOCUMENTED.contains(&format!("\n| {} | {} | ", effect.reason(), impact.as_str().unwrap_or_default()))
}

fn between(old: Value, new: Value) -> Vec<Effect> {
    let found = effects(Some(&with(old)), &with(new), &LIVE);
    found.iter().for_each(|effect| assert!(is_documented(effect), "docs/cli.md lacks {}", effect.reason()));
    found
}

fn said(old: Value, new: Value) -> Vec<String> {
    between(old, new).iter().map(ToString::to_string).collect()
}

fn reasons(old: Value, new: Value) -> Vec<&'static str> {
    between(old, new).iter().map(Effect::reason).collect()
}

fn origins(allow: &[&str]) -> Value {
    json!({"origins": {"allow": allow}})
}

#[test]
fn no_change_does_nothing() {
    assert!(between(json!({}), json!({})).is_empty());
}

#[test]
fn origins_alone_close_those_that_are_no_longer_allowed() {
    let fewer = origins(&["https://app.domain-b.com", "https://*.preview.domain-b.com"]);
    assert_eq!(
        said(json!({}), fewer),
        [
            "origins only: no connection is closed, except, within a second, those of origins that are no longer allowed: \
         https://old.example (how many of the 1204 open ones is not known)"
        ]
    );
}

#[test]
fn what_another_entry_stands_for_is_not_withdrawn() {
    let wider = origins(&["https://*.domain-b.com", "https://old.example", "https://new.example"]);
    assert_eq!(
        said(json!({}), wider),
        ["origins only: no connection is closed; the pods have the policy within a second"]
    );
    let narrower = origins(&["https://app.domain-b.com", "https://old.example", "https://x.preview.domain-b.com"]);
    assert!(said(json!({}), narrower)[0].contains("no longer allowed: https://*.preview.domain-b.com ("));
}

#[test]
fn origins_beside_something_else_are_not_called_the_only_change() {
    let mut new = origins(&["https://app.domain-b.com"]);
    new["workload"] = json!({"replicas": 2});
    assert_eq!(
        said(json!({}), new),
        [
            "origins: within a second connections are closed of origins that are no longer allowed: https://old.example, \
             https://*.preview.domain-b.com (how many of the 1204 open ones is not known)",
            "replicas 3 → 2: 1 pod goes, about 401 of 1204 connections move over 2 min",
        ]
    );
}

#[test]
fn enforcing_what_was_only_reported_closes_the_others() {
    let policy = |more: Value| {
        let mut policy = json!({"allow": ["https://app.domain-b.com"]});
        policy.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        json!({"origins": policy})
    };
    let report = policy(json!({"mode": "Report", "missing": "Deny"}));
    let said = said(report.clone(), policy(json!({"missing": "Deny"})));
    assert!(
        said[0].contains(
            "those of origins that no entry allows, which mode Report let in; and of clients that send no Origin"
        ),
        "{said:?}"
    );
    assert_eq!(reasons(policy(json!({})), report), ["OriginsOnly"]);
    assert_eq!(reasons(policy(json!({})), policy(json!({"missing": "Deny"}))), ["OriginsWithdrawn"]);
    assert_eq!(reasons(policy(json!({})), policy(json!({"maxAge": "1h", "credentials": true}))), ["OriginsOnly"]);
}

#[test]
fn another_image_is_a_rollout_and_is_named_as_its_cause() {
    let image = |tag: &str| json!({"workload": {"replicas": 3, "image": format!("example.com/chat:{tag}")}});
    assert_eq!(
        said(image("1"), image("2")),
        [
            "workload.image: a rollout of 3 pods; connections move over about 3 min (3 times 1 new pod, ready for 10 s before as \
         many old ones go, which serve for 60 s more and drain over 60 s)"
        ]
    );
    let Effect::Rollout(rollout) = &between(image("1"), image("2"))[0] else { panic!("a rollout") };
    assert_eq!((rollout.waves, rollout.seconds), (3, 180));
}

#[test]
fn a_rollout_names_what_does_it_and_nothing_else() {
    let new = json!({
        "policySource": "File",
        "timeouts": {"drain": "90s"},
        "origins": {"allow": ["https://app.domain-b.com", "https://old.example", "https://*.preview.domain-b.com"], "maxAge": "1h"},
        "workload": {"replicas": 3, "podLabels": {"team": "a"}},
    });
    let found = between(json!({}), new);
    let rollout = found.iter().find_map(|effect| match effect {
        Effect::Rollout(rollout) => Some(rollout),
        _ => None,
    });
    let rollout = rollout.expect("a rollout");
    assert_eq!(rollout.because, ["spec.policySource", "spec.timeouts.drain", "spec.workload.podLabels"]);
    // The pods that go still have the old drain.
    assert_eq!((rollout.drain_sec, rollout.seconds), (60, 180));
    assert!(found.contains(&Effect::Unconcerned { because: vec!["spec.origins.maxAge".to_owned()] }), "{found:?}");
}

#[test]
fn a_shorter_age_may_be_cut_by_the_load_balancer_before_the_server_has_moved_everybody() {
    let age = |age: &str| json!({"timeouts": {"maxConnectionAge": age}});
    assert_eq!(reasons(age("1h"), age("10m")), ["ShorterTimeout"]);
    assert_eq!(reasons(age("1h"), age("2h")), ["LongerTimeout"]);
    assert!(said(age("1h"), age("10m"))[0].starts_with("maxConnectionAge 1 h → 10 min: "));
    assert!(
        said(age("1h"), age("2h"))[0].ends_with("the load balancer's timeout changes, no connection is closed by that")
    );
}

#[test]
fn another_way_in_is_told_by_whether_the_old_one_stays_meanwhile() {
    let exposure = |exposure: Value| json!({"exposure": exposure});
    let (gke, none) = (exposure(json!({"gke": {}})), exposure(json!({"none": {}})));
    let gateway = exposure(json!({"gateway": {"parentRefs": [{"name": "edge"}]}}));
    let two = exposure(json!({"gateway": {"parentRefs": [{"name": "edge"}, {"name": "second"}]}}));
    let nginx = exposure(json!({"ingress": {"className": "nginx"}}));
    let internal = exposure(json!({"gke": {"class": "gce-internal"}}));
    let first = |old: &Value, new: &Value| reasons(old.clone(), new.clone())[0];
    assert_eq!(first(&gke, &gateway), "WayInMoves");
    assert_eq!(first(&gateway, &nginx), "WayInMoves");
    assert_eq!(first(&gke, &nginx), "WayInReplaced");
    assert_eq!(first(&gke, &internal), "WayInReplaced");
    assert_eq!(first(&two, &gateway), "WayInReplaced");
    assert_eq!(first(&gateway, &two), "LoadBalancer");
    assert_eq!(first(&gke, &none), "NoWayIn");
    // A pod behind Google's load balancer serves longer after it was told to go, and has to know that.
    assert_eq!(
        reasons(none, gke),
        ["Rollout", "AffinityChanges", "WayInOpens"][..1].iter().copied().chain(["WayInOpens"]).collect::<Vec<_>>()
    );
}

#[test]
fn the_old_url_is_not_served_any_more() {
    assert_eq!(reasons(json!({}), json!({"host": "talk.domain-a.com"})), ["OldUrlUnserved"]);
    assert_eq!(reasons(json!({}), json!({"path": "/oursocketio"})), ["OldUrlUnserved", "Rollout"]);
    assert_eq!(
        said(json!({}), json!({"host": "talk.domain-a.com"})),
        [
            "http://chat.domain-a.com/socket.io → http://talk.domain-a.com/socket.io: clients of the old URL are refused as soon as the load \
         balancer has the change; open WebSockets stay until they have to reconnect, polling sessions end"
        ]
    );
}

#[test]
fn certificates_are_told_by_who_has_to_act() {
    let gke = |gke: Value| json!({"exposure": {"gke": gke}});
    assert_eq!(
        reasons(gke(json!({})), gke(json!({"managedCertificate": true}))),
        ["OldUrlUnserved", "CertificateAwaited"]
    );
    assert_eq!(reasons(gke(json!({"tlsSecretName": "a"})), gke(json!({"tlsSecretName": "b"}))), ["CertificateChanges"]);
    let both = gke(json!({"managedCertificate": true, "tlsSecretName": "a"}));
    assert_eq!(reasons(both, gke(json!({"managedCertificate": true}))), ["CertificateChanges"]);
    assert_eq!(reasons(gke(json!({"staticIpName": "a"})), gke(json!({"staticIpName": "b"}))), ["AddressChanges"]);
    assert_eq!(
        reasons(gke(json!({})), gke(json!({"securityPolicy": "p", "logging": {"sampleRate": 1}}))),
        ["LoadBalancer"]
    );
    assert_eq!(reasons(gke(json!({})), gke(json!({"iap": {"secretName": "s"}}))), ["IdentityAwareProxy"]);
}

#[test]
fn tokens_close_connections_only_where_one_does_not_fit_any_more() {
    let auth = |issuer: &str, audiences: Value| json!({"auth": {"jwt": {"issuer": issuer, "audiences": audiences, "jwks": {"url": "https://login.domain-b.com/keys"}}}});
    assert_eq!(reasons(json!({}), auth("i", json!(["a"]))), ["TokensRequired"]);
    assert_eq!(reasons(auth("i", json!(["a"])), json!({})), ["Unconcerned"]);
    assert_eq!(reasons(auth("i", json!(["a"])), auth("i", json!(["a", "b"]))), ["Unconcerned"]);
    assert_eq!(reasons(auth("i", json!(["a", "b"])), auth("i", json!(["b"]))), ["TokensJudgedAnew"]);
    assert_eq!(reasons(auth("i", json!(["a"])), auth("j", json!(["a"]))), ["TokensJudgedAnew"]);
}

#[test]
fn fewer_transports_and_another_health_path_shut_clients_out() {
    assert_eq!(reasons(json!({}), json!({"transports": ["websocket"]})), ["TransportsWithdrawn", "Rollout"]);
    let health = |path: &str| json!({"workload": {"replicas": 3, "image": "example.com/chat:1", "healthPath": path}});
    assert_eq!(reasons(health("/a"), health("/b")), ["HealthPathChanges", "Rollout"]);
}

#[test]
fn the_number_of_pods_is_told_as_it_will_be() {
    let replicas = |replicas: i32| json!({"workload": {"replicas": replicas}});
    let load = |min: i32, max: i32| json!({"workload": {"resources": {"requests": {"cpu": "1"}}, "autoscaling": {"minReplicas": min, "maxReplicas": max, "cpu": 50}}});
    assert_eq!(
        said(replicas(3), replicas(2)),
        ["replicas 3 → 2: 1 pod goes, about 401 of 1204 connections move over 2 min"]
    );
    assert_eq!(
        said(replicas(3), replicas(0)),
        [
            "replicas 3 → 0: all pods go, nobody can connect any more, and all 1204 open connections are closed within 2 min"
        ]
    );
    assert_eq!(reasons(replicas(0), replicas(3)), ["ScaleOut"]);
    assert_eq!(reasons(load(2, 10), load(2, 2)), ["ScaleIn"], "three run, and two may");
    assert_eq!(reasons(load(2, 10), load(2, 5)), ["Unconcerned"], "three run, and three may");
    let connections = |share: i32| json!({"workload": {"autoscaling": {"minReplicas": 1, "maxReplicas": 10, "connectionsPerReplica": share}}});
    assert_eq!(reasons(connections(400), connections(1000)), ["ScaleIn"], "1204 open ones fill two pods");
    assert_eq!(said(connections(400), connections(200)), ["replicas 3 → 7: 4 pods come, no connection is closed"]);
    let handed_over = reasons(load(2, 10), connections(400));
    assert!(!handed_over.iter().any(|it| it.starts_with("Scale")), "whoever decides, three are right: {handed_over:?}");
    assert_eq!(said(replicas(2), replicas(3)), ["replicas 2 → 3: 1 pod comes, no connection is closed"]);
}

#[test]
fn an_image_of_ones_own_decides_about_its_connections_itself() {
    let own = |allow: &[&str]| json!({"origins": {"allow": allow}, "workload": {"replicas": 3, "image": "example.com/chat:1"}});
    assert_eq!(reasons(own(&["https://a.example"]), own(&["https://b.example"])), ["Rollout", "OwnImageDecides"]);
}

#[test]
fn while_paused_the_servers_follow_the_policy_and_nothing_else_happens() {
    let mut new = origins(&["https://app.domain-b.com"]);
    new["paused"] = json!(true);
    new["workload"] = json!({"replicas": 1});
    assert_eq!(reasons(json!({}), new.clone()), ["OriginsWithdrawn", "Paused"]);
    new["policySource"] = json!("File");
    assert_eq!(reasons(json!({"policySource": "File"}), new), ["Paused"]);
}

#[test]
fn a_new_service_closes_nothing_and_pods_that_differ_are_rolled() {
    assert_eq!(effects(None, &with(json!({})), &LiveFacts::default()), [Effect::New]);
    let differ = LiveFacts { pods_differ: true, ..LIVE };
    let found = effects(Some(&with(json!({}))), &with(json!({})), &differ);
    assert_eq!(found.iter().map(Effect::reason).collect::<Vec<_>>(), ["Rollout"]);
}

#[test]
fn json_names_reason_and_facts() {
    let found = between(json!({}), json!({"workload": {"replicas": 1}}));
    assert_eq!(
        serde_json::to_value(&found[0]).expect("JSON"),
        json!({"reason": "ScaleIn", "from": 3, "to": 1, "connections": 803, "of": 1204, "seconds": 120})
    );
}

/// Without the schema, which takes longer than the rest.
fn unchecked(spec: &Value) -> ValidService {
    let document = json!({"metadata": {"name": "chat", "namespace": "team-a"}, "spec": spec});
    ValidService::new(&serde_json::from_value(document).expect("a service")).expect("a valid service")
}

fn some_spec() -> impl Strategy<Value = Value> {
    let exposures = prop_oneof![
        Just(json!({"gke": {}})),
        Just(json!({"gke": {"class": "gce-internal", "staticIpName": "a"}})),
        Just(json!({"gke": {"managedCertificate": true}})),
        Just(json!({"gkeGateway": {"parentRefs": [{"name": "edge"}]}})),
        Just(json!({"gateway": {"parentRefs": [{"name": "edge"}]}})),
        Just(json!({"ingress": {"className": "nginx"}})),
        Just(json!({"none": {}})),
    ];
    let images = prop_oneof![Just(None), Just(Some("example.com/chat:1")), Just(Some("example.com/chat:2"))];
    (exposures, images, 0_i32..6, 60_u32..7200, 0_u32..600, any::<[bool; 5]>()).prop_map(
        |(exposure, image, replicas, age, drain, [polls, file, paused, report, path])| {
            let mut workload = json!({"replicas": replicas});
            if let Some(image) = image {
                workload["image"] = json!(image);
            }
            json!({
                "host": "chat.domain-a.com", "path": if path { "/a" } else { "/b" }, "paused": paused,
                "transports": if polls { json!(["websocket", "polling"]) } else { json!(["websocket"]) },
                "origins": {"allow": ["https://a.example"], "mode": if report { "Report" } else { "Enforce" }},
                "policySource": if file { "File" } else { "Watch" },
                "timeouts": {"maxConnectionAge": format!("{age}s"), "drain": format!("{drain}s")},
                "exposure": exposure, "workload": workload,
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn every_change_is_told_the_worst_first_and_a_rollout_exactly_where_the_pods_differ(old in some_spec(), new in some_spec()) {
        let (old, new) = (unchecked(&old), unchecked(&new));
        let found = effects(Some(&old), &new, &LIVE);
        prop_assert_eq!(found.is_empty(), old.spec() == new.spec());
        prop_assert!(found.windows(2).all(|pair| pair[0].impact() <= pair[1].impact()));
        let pods = |service: &ValidService| {
            let children = crate::plan::plan(service, &crate::plan::Settings::default()).into_children();
            let deployment = children.into_iter().find(|child| child.kind == crate::plan::Kind::Deployment);
            deployment.map(|child| child.object["spec"]["template"].clone())
        };
        let rolls = found.iter().any(|effect| matches!(effect, Effect::Rollout(rollout) if !rollout.because.is_empty()));
        let expected = pods(&old) != pods(&new) && !new.spec().paused && old.spec().workload.replicas.min(new.spec().workload.replicas) > 0;
        prop_assert_eq!(rolls, expected);
        for effect in &found {
            prop_assert!(is_documented(effect), "docs/cli.md lacks {}", effect.reason());
            let json = serde_json::to_value(effect).expect("JSON");
            prop_assert_eq!(json["reason"].as_str(), Some(effect.reason()));
        }
    }
}
