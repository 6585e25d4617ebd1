//! What would be done with which child.

use realtime_crds::manifest;
use serde_json::json;

use super::*;

fn service(exposure: &Value, more: &Value) -> ValidService {
    let mut spec = json!({"host": "a.com", "origins": {"allow": ["https://a.com"]}, "exposure": exposure});
    spec.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
    let document = json!({"apiVersion": manifest::API_VERSION, "kind": "RealtimeService",
        "metadata": {"name": "chat", "namespace": "ns", "uid": "u-1"}, "spec": spec});
    ValidService::new(&manifest::one(&document).expect("valid")).expect("valid")
}

/// Everything that this service has, as a cluster gives it.
fn applied(service: &ValidService) -> There {
    let object = |child: Child| {
        let mut object = child.object;
        object["metadata"]["uid"] = json!(format!("{:?}", child.kind));
        object["metadata"]["resourceVersion"] = json!("1");
        (child.kind, serde_json::from_value(object).expect("an object"))
    };
    let objects = plan(service, &Settings::default()).into_children().into_iter().map(object).collect();
    There { objects, missing: BTreeSet::new() }
}

fn actions(new: &ValidService, there: &There) -> Vec<(Kind, Action)> {
    let differences = differences(new, &Settings::default(), there);
    differences.into_iter().map(|difference| (difference.kind, difference.action)).collect()
}

#[test]
fn what_is_applied_differs_in_nothing() {
    let gke = service(&json!({"gke": {}}), &json!({}));
    assert_eq!(actions(&gke, &applied(&gke)), []);
}

#[test]
fn an_old_way_in_is_kept_until_the_new_one_carries_traffic() {
    let gke = service(&json!({"gke": {}}), &json!({}));
    let gateway = service(&json!({"gateway": {"parentRefs": [{"name": "edge"}]}}), &json!({}));
    let mut there = applied(&gke);
    let expected = [
        (Kind::ConfigMap, Action::Changed),
        (Kind::HttpRoute, Action::Created),
        (Kind::Deployment, Action::Changed),
        (Kind::BackendConfig, Action::Kept),
        (Kind::Ingress, Action::Kept),
    ];
    assert_eq!(actions(&gateway, &there), expected);

    there.objects.extend(applied(&gateway).objects.into_iter().filter(|(kind, _)| *kind == Kind::HttpRoute));
    let (_, route) = there.objects.last_mut().expect("the route");
    let condition = |name: &str| json!({"type": name, "status": "True"});
    route.data["status"] = json!({"parents": [{"conditions": [condition("Accepted"), condition("ResolvedRefs")]}]});
    let actions = actions(&gateway, &there);
    assert!(actions.contains(&(Kind::Ingress, Action::Deleted)), "{actions:?}");
    assert!(actions.contains(&(Kind::BackendConfig, Action::Deleted)), "{actions:?}");
}

#[test]
fn what_belongs_to_somebody_else_and_what_cannot_be_there_is_not_written() {
    let gke = service(&json!({"gke": {}}), &json!({}));
    let mut there = applied(&gke);
    there.objects.retain(|(kind, _)| *kind != Kind::BackendConfig);
    there.missing.insert(Kind::BackendConfig);
    for (kind, object) in &mut there.objects {
        if *kind == Kind::Ingress {
            object.metadata.owner_references = None;
        }
    }
    let actions = actions(&gke, &there);
    assert_eq!(actions, [(Kind::BackendConfig, Action::KindMissing), (Kind::Ingress, Action::Foreign)]);
    assert!(actions.iter().all(|(_, action)| !action.writes()));
}

#[test]
fn a_paused_service_changes_nothing() {
    let gke = service(&json!({"gke": {}}), &json!({}));
    let paused = service(&json!({"none": {}}), &json!({"paused": true}));
    assert_eq!(actions(&paused, &applied(&gke)), []);
}

#[test]
fn both_plans_are_looked_up_and_what_may_be_left_of_a_third_need_not_be_readable() {
    let gke = service(&json!({"gke": {}}), &json!({}));
    let nginx = service(&json!({"ingress": {"className": "nginx"}}), &json!({}));
    let lookups = lookups(Some(&gke), &nginx, &Settings::default());
    let of = |optional: bool| -> Vec<_> {
        lookups.iter().filter(|lookup| lookup.optional == optional).map(|lookup| lookup.kind).collect()
    };
    assert!(of(false).contains(&Kind::BackendConfig) && of(false).contains(&Kind::Deployment));
    let left = [
        Kind::FrontendConfig,
        Kind::ManagedCertificate,
        Kind::GcpBackendPolicy,
        Kind::HealthCheckPolicy,
        Kind::HttpRoute,
    ];
    assert_eq!(of(true), left);
}

#[test]
fn the_bundled_image_is_the_one_that_runs() {
    let gke = service(&json!({"gke": {}}), &json!({}));
    let settings = Settings { server_image: "registry/realtime-server:9".to_owned() };
    let object = plan(&gke, &settings).into_children().pop().expect("the deployment").object;
    let objects = vec![(Kind::Deployment, serde_json::from_value(object).expect("an object"))];
    let there = There { objects, missing: BTreeSet::new() };
    assert_eq!(server_image(&gke, &there).as_deref(), Some("registry/realtime-server:9"));
    let own = service(&json!({"gke": {}}), &json!({"workload": {"image": "mine:1"}}));
    assert_eq!(server_image(&own, &there), None);
}
