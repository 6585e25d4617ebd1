//! What holds for every plan.

use std::collections::BTreeSet;

use proptest::prelude::*;
use realtime_crds::manifest;
use serde_json::{Value, json};

use super::*;

fn service(spec: &Value) -> ValidService {
    let document = json!({"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService",
        "metadata": {"name": "chat", "namespace": "ns", "uid": "u-1", "generation": 4,
            "labels": {"argocd.argoproj.io/instance": "x"}, "annotations": {"kustomize.toolkit.fluxcd.io/name": "y"}}, "spec": spec});
    ValidService::new(&manifest::one(&document).expect("a valid spec")).expect("a valid service")
}

fn children(spec: &Value) -> Vec<Child> {
    plan(&service(spec), &Settings::default()).into_children()
}

fn smallest() -> Value {
    json!({"host": "chat.domain-a.com", "origins": {"allow": ["https://app.domain-b.com"]}})
}

fn with(field: &str, value: Value) -> Value {
    let mut spec = smallest();
    spec[field] = value;
    spec
}

fn child(children: &[Child], kind: Kind) -> &Value {
    &children.iter().find(|child| child.kind == kind).expect("the child is planned").object
}

#[test]
fn five_lines_give_all_children_and_the_deployment_is_last() {
    let kinds: Vec<_> = children(&smallest()).iter().map(|child| child.kind).collect();
    let expected = [
        Kind::ServiceAccount,
        Kind::Role,
        Kind::RoleBinding,
        Kind::ConfigMap,
        Kind::BackendConfig,
        Kind::Service,
        Kind::Ingress,
        Kind::Deployment,
    ];
    assert_eq!(kinds, expected);
    assert_eq!(kinds.last(), Some(&Kind::Deployment));
    let at = |kind| kinds.iter().position(|of| *of == kind);
    assert!(
        at(Kind::BackendConfig) < at(Kind::Service),
        "an annotation must not name a BackendConfig that is not there"
    );
}

#[test]
fn the_load_balancer_gets_the_age_that_was_asked_for() {
    let planned = children(&with("timeouts", json!({"maxConnectionAge": "2h", "drain": "90s"})));
    let spec = &child(&planned, Kind::BackendConfig)["spec"];
    assert_eq!(spec["timeoutSec"], 7200);
    assert_eq!(spec["connectionDraining"]["drainingTimeoutSec"], 150);
    assert_eq!(child(&planned, Kind::Deployment)["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], 165);
}

#[test]
fn the_annotation_on_the_service_names_the_backend_config_by_port() {
    let planned = children(&smallest());
    let annotations = &child(&planned, Kind::Service)["metadata"]["annotations"];
    assert_eq!(annotations["cloud.google.com/backend-config"], r#"{"ports":{"http":"chat"}}"#);
    assert_eq!(annotations["cloud.google.com/neg"], r#"{"ingress": true}"#);
    assert_eq!(child(&planned, Kind::Ingress)["metadata"]["annotations"]["kubernetes.io/ingress.class"], "gce");
}

#[test]
fn a_policy_change_rolls_no_pod() {
    let pods = |spec: &Value| child(&children(spec), Kind::Deployment)["spec"]["template"].clone();
    let changed =
        with("origins", json!({"allow": ["https://other.domain-c.com"], "credentials": true, "maxAge": "1h"}));
    assert_eq!(pods(&smallest()), pods(&changed));
    assert_ne!(pods(&smallest()), pods(&with("path", json!("/other"))));
}

#[test]
fn with_a_file_as_source_the_pod_has_no_token_and_there_is_no_role() {
    let planned = children(&with("policySource", json!("File")));
    assert!(planned.iter().all(|child| !matches!(child.kind, Kind::Role | Kind::RoleBinding)));
    assert_eq!(child(&planned, Kind::Deployment)["spec"]["template"]["spec"]["automountServiceAccountToken"], false);
}

#[test]
fn no_label_or_annotation_of_the_owner_reaches_a_child() {
    for child in children(&smallest()) {
        let text = child.object.to_string();
        assert!(!text.contains("argocd") && !text.contains("fluxcd"), "{text}");
    }
}

#[test]
fn affinity_is_asked_for_only_where_polling_needs_it() {
    let affinity =
        |spec: &Value| child(&children(spec), Kind::BackendConfig)["spec"]["sessionAffinity"]["affinityType"].clone();
    assert_eq!(affinity(&smallest()), "NONE");
    let mut many = with("workload", json!({"replicas": 3}));
    assert_eq!(affinity(&many), "NONE", "any pod answers");
    many["policySource"] = json!("File");
    assert_eq!(affinity(&many), "CLIENT_IP", "without a token the pods do not know each other");
    many["policySource"] = json!("Watch");
    many["workload"]["image"] = json!("example.com/chat:1");
    assert_eq!(affinity(&many), "CLIENT_IP");
    many["transports"] = json!(["websocket"]);
    assert_eq!(affinity(&many), "NONE");
}

proptest! {
    #[test]
    fn every_plan_is_deterministic_with_unique_names_and_a_selector_that_never_changes(
        replicas in 0_i32..1000, age in 60_u32..86_400, drain in 0_u32..3540, polling: bool, file: bool, way in 0_usize..3
    ) {
        let exposure = [json!({"gke": {"class": "gce-internal"}}), json!({"ingress": {"className": "nginx"}}), json!({"none": {}})];
        let mut spec = with("exposure", exposure[way].clone());
        spec["workload"] = json!({"replicas": replicas});
        spec["timeouts"] = json!({"maxConnectionAge": format!("{age}s"), "drain": format!("{drain}s")});
        spec["policySource"] = json!(if file { "File" } else { "Watch" });
        spec["transports"] = if polling { json!(["polling", "websocket"]) } else { json!(["websocket"]) };
        let planned = children(&spec);
        prop_assert_eq!(&planned, &children(&spec));
        let keys: BTreeSet<_> = planned.iter().map(|child| (child.kind, &child.name)).collect();
        prop_assert_eq!(keys.len(), planned.len());
        prop_assert!(planned.iter().all(|child| child.name.len() <= 63));
        let selector = |planned: &[Child]| child(planned, Kind::Deployment)["spec"]["selector"].clone();
        prop_assert_eq!(selector(&planned), selector(&children(&smallest())));
    }
}

#[test]
fn a_key_set_in_a_secret_is_mounted_and_no_right_to_read_secrets_is_given() {
    let jwt = json!({"issuer": "https://login.domain-b.com/", "audiences": ["chat"], "jwks": {"secretRef": {"name": "keys", "key": "jwks.json"}}});
    let planned = children(&with("auth", json!({"jwt": jwt})));
    let pod = &child(&planned, Kind::Deployment)["spec"]["template"]["spec"];
    assert_eq!(pod["volumes"][1]["secret"]["secretName"], "keys");
    assert_eq!(pod["containers"][0]["volumeMounts"][1]["mountPath"], "/etc/realtime-keys");
    assert!(!child(&planned, Kind::Role).to_string().contains("secrets"));
}
