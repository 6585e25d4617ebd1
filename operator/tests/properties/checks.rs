//! What holds for the children as objects, as numbers and as references to each other.

use std::collections::BTreeSet;

use proptest::prelude::*;
use realtime_crds::{ValidService, Way, v1alpha1::GkeClass};
use realtime_operator::plan::{
    Child, Kind, LABEL_INSTANCE, LABEL_MANAGED_BY, MANAGER,
    timeouts::{DRAINING_LIMIT_SEC, Facts, budget},
};
use serde_json::{Value, json};

use crate::specs::MARK;

type Checked = Result<(), TestCaseError>;

/// The child of a kind, of which there is one at the most; null where there is none.
pub fn child(children: &[Child], kind: Kind) -> &Value {
    children.iter().find(|child| child.kind == kind).map_or(&Value::Null, |child| &child.object)
}

/// Every selector by which something finds the pods.
pub fn selectors(children: &[Child]) -> Vec<(Kind, Value)> {
    let mut selectors = vec![
        (Kind::Deployment, child(children, Kind::Deployment)["spec"]["selector"]["matchLabels"].clone()),
        (Kind::Service, child(children, Kind::Service)["spec"]["selector"].clone()),
    ];
    // Not every state has one, and those that have one agree.
    let budget = &child(children, Kind::PodDisruptionBudget)["spec"]["selector"]["matchLabels"];
    selectors.push((Kind::PodDisruptionBudget, if budget.is_null() { selectors[0].1.clone() } else { budget.clone() }));
    selectors
}

fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
}

/// What is the owner's could come as metadata, or in the manifest.
fn has_mark(object: &Value) -> bool {
    let of_meta = |meta: &Value| ["labels", "annotations"].into_iter().any(|part| marked(&meta[part]));
    of_meta(&object["metadata"]) || of_meta(&object["spec"]["template"]["metadata"]) || marked(&object["data"])
}

fn marked(map: &Value) -> bool {
    let mut fields = map.as_object().into_iter().flatten();
    fields.any(|(name, value)| name.contains(MARK) || value.as_str().is_some_and(|text| text.contains(MARK)))
}

/// Names, labels, owner; what a child relies on comes before it.
pub fn objects(service: &ValidService, children: &[Child]) -> Checked {
    let mut seen = BTreeSet::new();
    for Child { kind, name, object } in children {
        prop_assert!(is_label(name), "{kind:?} {name:?}");
        prop_assert!(seen.insert((*kind, name)), "two of {kind:?} {name}");
        let types = kind.type_meta();
        prop_assert!(object["apiVersion"] == *types.api_version && object["kind"] == *types.kind);
        prop_assert!(object.get("status").is_none());
        let meta = &object["metadata"];
        prop_assert!(meta["name"] == **name && meta["namespace"] == *service.namespace());
        let labels = meta["labels"].as_object().map_or(0, serde_json::Map::len);
        prop_assert!(meta["labels"][LABEL_MANAGED_BY] == MANAGER && meta["labels"][LABEL_INSTANCE] == *service.name());
        prop_assert!(labels == 3 && meta["labels"]["app.kubernetes.io/name"].is_string());
        let [owner] = meta["ownerReferences"].as_array().map_or(&[][..], Vec::as_slice) else {
            return Err(TestCaseError::fail(format!("{kind:?}: {}", meta["ownerReferences"])));
        };
        prop_assert!(owner["uid"] == *service.uid() && owner["name"] == *service.name());
        prop_assert!(owner["kind"] == "RealtimeService" && owner["controller"] == true);
        prop_assert!(!has_mark(object), "what is the owner's stands in {kind:?}");
    }
    for (index, child) in children.iter().enumerate() {
        let later = &children[index..];
        let late = child.kind.relies_on().iter().find(|kind| later.iter().any(|later| later.kind == **kind));
        prop_assert!(late.is_none(), "{late:?} comes after {:?}, which relies on it", child.kind);
    }
    prop_assert!(
        children.last().is_some_and(|last| [Kind::Deployment, Kind::HorizontalPodAutoscaler].contains(&last.kind))
    );
    Ok(())
}

fn seconds(value: &Value) -> u64 {
    value.as_u64().unwrap_or(u64::MAX)
}

fn holds(all: &[(&str, bool)]) -> Checked {
    let broken = all.iter().find(|(_, holds)| !holds);
    prop_assert!(broken.is_none(), "{}", broken.map_or("", |(what, _)| what));
    Ok(())
}

/// The budget's inequalities, read from the children.
pub fn numbers(service: &ValidService, children: &[Child]) -> Checked {
    let timeouts = &service.spec().timeouts;
    let facts = Facts::of(service.way());
    let budget = budget(timeouts, service.way());
    let millis = |duration: realtime_crds::v1alpha1::Duration| duration.get().as_millis();
    let drain = timeouts.drain.as_secs_ceil();
    let away = facts.detach_sec + drain;
    let deployment = &child(children, Kind::Deployment)["spec"];
    let pod = &deployment["template"]["spec"];
    let grace = seconds(&pod["terminationGracePeriodSeconds"]);
    let wait = seconds(&pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]);
    holds(&[
        (
            "the server moves a connection before the cut",
            millis(budget.move_until) < millis(timeouts.max_connection_age),
        ),
        ("it begins before it ends", budget.move_from < budget.move_until),
        (
            "a ping is answered before the cut",
            millis(timeouts.ping_interval) + millis(timeouts.ping_timeout) < millis(timeouts.max_connection_age),
        ),
        ("the grace period is the budget's", grace == budget.termination_grace_period_sec),
        ("a pod outlives detach and drain", grace > away),
        ("a new pod is used before an old one goes", seconds(&deployment["minReadySeconds"]) >= facts.attach_sec),
        (
            "an own image keeps serving while it detaches",
            service.spec().workload.image.is_none() || wait == facts.detach_sec,
        ),
        ("the bundled server waits by itself", service.spec().workload.image.is_some() || wait == u64::MAX),
    ])?;
    let config = &child(children, Kind::BackendConfig)["spec"];
    let policy = &child(children, Kind::GcpBackendPolicy)["spec"]["default"];
    for backend in [config, policy].into_iter().filter(|backend| !backend.is_null()) {
        let (timeout, draining) =
            (seconds(&backend["timeoutSec"]), seconds(&backend["connectionDraining"]["drainingTimeoutSec"]));
        holds(&[
            ("the cut is at the age", u128::from(timeout) * 1000 >= millis(timeouts.max_connection_age)),
            ("and within a day", (1..=86_400).contains(&timeout)),
            ("the load balancer drains as long as the pod", draining >= away && draining <= DRAINING_LIMIT_SEC),
        ])?;
    }
    let scale = &child(children, Kind::HorizontalPodAutoscaler)["spec"];
    let autoscaling = service.spec().workload.autoscaling.as_ref();
    let scale_in = &scale["behavior"]["scaleDown"];
    holds(&[
        ("one of the two decides on the number of pods", deployment["replicas"].is_null() == autoscaling.is_some()),
        (
            "an autoscaler stands where CPU or memory decides",
            scale.is_null() == autoscaling.is_none_or(|scale| scale.connections_per_replica.is_some()),
        ),
        ("Kubernetes takes the window", scale.is_null() || seconds(&scale_in["stabilizationWindowSeconds"]) <= 3600),
        (
            "Kubernetes takes the period",
            scale.is_null() || (1..=1800).contains(&seconds(&scale_in["policies"][0]["periodSeconds"])),
        ),
        (
            "there is a budget from two pods on",
            child(children, Kind::PodDisruptionBudget).is_null() == (service.spec().workload.fewest() < 2),
        ),
    ])
}

/// Who names whom.
pub fn references(service: &ValidService, children: &[Child]) -> Checked {
    let of = |kind| child(children, kind);
    let name = |kind| &of(kind)["metadata"]["name"];
    let (ingress, route) = (of(Kind::Ingress), of(Kind::HttpRoute));
    let port = &of(Kind::Service)["spec"]["ports"][0];
    let annotations = &ingress["metadata"]["annotations"];
    let gce = matches!(service.way(), Way::Gke(gke) if gke.class == GkeClass::Gce);
    let internal = matches!(service.way(), Way::Gke(gke) if gke.class == GkeClass::GceInternal);
    let backend = &ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    let path = |value: &Value| *value == *service.spec().path;
    let same = |annotation: &str, kind| annotations.get(annotation).unwrap_or(&Value::Null) == name(kind);
    let config = json!({"ports": {"http": name(Kind::BackendConfig)}}).to_string();
    let named = of(Kind::Service)["metadata"]["annotations"]["cloud.google.com/backend-config"].as_str();
    holds(&[
        ("one way in at the most", ingress.is_null() || route.is_null()),
        ("none where none is asked for", (ingress.is_null() && route.is_null()) == (*service.way() == Way::Inside)),
        ("the Service leads to the server's port", port["targetPort"] == "http" && port["name"] == "http"),
        (
            "the Ingress leads to the Service",
            ingress.is_null() || (backend["name"] == *name(Kind::Service) && backend["port"]["name"] == port["name"]),
        ),
        ("by the path", ingress.is_null() || path(&ingress["spec"]["rules"][0]["http"]["paths"][0]["path"])),
        (
            "the route leads to the Service",
            route.is_null()
                || (route["spec"]["rules"][0]["backendRefs"][0]["name"] == *name(Kind::Service)
                    && route["spec"]["rules"][0]["backendRefs"][0]["port"] == port["port"]),
        ),
        ("by the path too", route.is_null() || path(&route["spec"]["rules"][0]["matches"][0]["path"]["value"])),
        (
            "no route of GKE has timeouts",
            !matches!(service.way(), Way::GkeGateway(_)) || route["spec"]["rules"][0].get("timeouts").is_none(),
        ),
        ("the Service names the BackendConfig", named.map(str::to_owned) == (gce || internal).then_some(config)),
        (
            "the Ingress names the FrontendConfig",
            ingress.is_null() || same("networking.gke.io/v1beta1.FrontendConfig", Kind::FrontendConfig),
        ),
        (
            "the Ingress names the certificate",
            ingress.is_null() || same("networking.gke.io/managed-certificates", Kind::ManagedCertificate),
        ),
        (
            "the internal load balancer has what it takes",
            !internal
                || (of(Kind::FrontendConfig).is_null()
                    && of(Kind::ManagedCertificate).is_null()
                    && of(Kind::BackendConfig)["spec"].get("securityPolicy").is_none()),
        ),
        (
            "GKE reads the class from the annotation",
            (gce || internal) == annotations.get("kubernetes.io/ingress.class").is_some(),
        ),
        ("and another class from the field", !(gce || internal) || ingress["spec"].get("ingressClassName").is_none()),
        (
            "the autoscaler scales the Deployment",
            of(Kind::HorizontalPodAutoscaler).is_null()
                || of(Kind::HorizontalPodAutoscaler)["spec"]["scaleTargetRef"]["name"] == *name(Kind::Deployment),
        ),
        (
            "the policies are for the Service",
            [Kind::GcpBackendPolicy, Kind::HealthCheckPolicy]
                .into_iter()
                .map(of)
                .all(|policy| policy.is_null() || policy["spec"]["targetRef"]["name"] == *name(Kind::Service)),
        ),
    ])
}
