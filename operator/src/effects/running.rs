//! What the pods in a cluster were made from.
//!
//! Mostly that is the resource. It is not while the resource is paused, or is not valid, or nobody has come to it yet: then it is
//! the manifest in the ConfigMap, which the operator writes together with all other children.

use realtime_crds::{RealtimeService, ValidService, manifest, v1alpha1::PolicySource};
use serde_json::Value;

/// The service that runs; `None` where neither the resource nor the ConfigMap is valid.
#[must_use]
pub fn running(live: &RealtimeService, config_map: Option<&Value>) -> Option<ValidService> {
    let now = ValidService::new(live).ok();
    let Some(mut applied) = config_map.and_then(written) else { return now };
    if applied.metadata.generation == live.metadata.generation && now.is_some() {
        return now;
    }
    if now.is_some() && applied.spec.policy_source == PolicySource::Watch {
        // Servers that watch their resource have these already.
        applied.spec.origins = live.spec.origins.clone();
        applied.spec.auth = live.spec.auth.clone();
    }
    applied.metadata.uid.clone_from(&live.metadata.uid);
    applied.metadata.generation = live.metadata.generation;
    ValidService::new(&applied).ok().or(now)
}

fn written(config_map: &Value) -> Option<RealtimeService> {
    let text = config_map["data"].as_object()?.values().find_map(Value::as_str)?;
    manifest::read(text).ok()?.pop()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(generation: i64, more: &Value) -> RealtimeService {
        let mut spec = json!({"host": "a.com", "origins": {"allow": ["https://a.com"]}});
        spec.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        let document = json!({"apiVersion": manifest::API_VERSION, "kind": "RealtimeService",
            "metadata": {"name": "chat", "namespace": "ns", "uid": "u", "generation": generation}, "spec": spec});
        serde_json::from_value(document).expect("a service")
    }

    fn config_map(of: &RealtimeService) -> Value {
        json!({"data": {"policy.yaml": manifest::bare(of).to_string()}})
    }

    #[test]
    fn a_paused_service_runs_what_it_was_before_and_its_servers_have_the_origins_all_the_same() {
        let before = service(1, &json!({"workload": {"replicas": 2}}));
        let paused =
            service(2, &json!({"paused": true, "workload": {"replicas": 5}, "origins": {"allow": ["https://b.com"]}}));
        let running = running(&paused, Some(&config_map(&before))).expect("valid");
        assert_eq!(running.spec().workload.replicas, 2);
        assert_eq!(running.spec().origins.allow, ["https://b.com"]);
        assert_eq!((running.uid(), running.generation()), ("u", 2));
    }

    #[test]
    fn an_invalid_service_runs_what_it_was_before() {
        let before = service(1, &json!({}));
        let invalid = service(2, &json!({"origins": {"allow": ["https://*.com"]}}));
        let running = running(&invalid, Some(&config_map(&before))).expect("valid");
        assert_eq!(running.spec().origins.allow, ["https://a.com"]);
    }

    #[test]
    fn what_is_applied_and_what_nobody_applied_is_the_resource_itself() {
        let live = service(2, &json!({"workload": {"replicas": 5}}));
        for config_map in [None, Some(config_map(&live))] {
            assert_eq!(running(&live, config_map.as_ref()).expect("valid").spec(), &live.spec);
        }
    }
}
