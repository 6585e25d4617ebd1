//! PURE: does an object in the cluster still say what the plan says?
//!
//! A server-side apply that changes nothing costs the apiserver as much as a create, so one is sent only when it
//! would change something. It would when a planned value differs from the live one, or when the operator still
//! owns a field that is planned no longer (`metadata.managedFields` knows).

use serde_json::{Map, Value};

/// Whether applying `desired` would change `live`. `owned` is the operator's own `fieldsV1` of the live object.
pub(crate) fn differs(desired: &Value, live: &Value, owned: &Value) -> bool {
    !says(desired, live, "") || owns_more(owned, desired)
}

/// Lists that Kubernetes merges by key; all others are replaced as a whole.
const KEYED_LISTS: [(&str, &[&str]); 10] = [
    ("containers", &["name"]),
    ("volumes", &["name"]),
    ("env", &["name"]),
    ("volumeMounts", &["mountPath"]),
    ("ports", &["containerPort", "port"]),
    ("ownerReferences", &["uid"]),
    ("initContainers", &["name"]),
    ("imagePullSecrets", &["name"]),
    ("hostAliases", &["ip"]),
    ("topologySpreadConstraints", &["topologyKey"]),
];

/// Maps that Kubernetes replaces as a whole; a Deployment's selector is another kind of map, and cannot change.
const ATOMIC_MAPS: [&str; 2] = ["selector", "nodeSelector"];

/// What one owner sets as a whole although it is no list: nobody's managed fields tell what is inside.
const WHOLE_MAPS: [&str; 6] =
    ["labelSelector", "namespaceSelector", "fieldRef", "configMapKeyRef", "secretKeyRef", "resourceFieldRef"];

/// What is absent stays as it is in Google Cloud, and what is there and empty takes away.
const SPEAKS_WHEN_EMPTY: [&str; 1] = ["customRequestHeaders"];

/// What has to be applied before `desired`. An apply that empties a field ends in `null` there, which the apiserver refuses:
/// the field has to go as a whole, and then to come again.
pub(crate) fn before(desired: &Value, live: &Value) -> Option<Value> {
    let empties = |name: &&str| {
        desired["spec"].get(name).is_some_and(is_empty) && live["spec"].get(name).is_some_and(|there| !is_empty(there))
    };
    let emptied: Vec<_> = SPEAKS_WHEN_EMPTY.into_iter().filter(empties).collect();
    let mut before = (!emptied.is_empty()).then(|| desired.clone())?;
    let spec = before["spec"].as_object_mut()?;
    emptied.iter().for_each(|name| drop(spec.remove(*name)));
    Some(before)
}

/// What Kubernetes and the Gateway API fill in inside of what is replaced as a whole.
fn is_default(field: &str, value: &Value) -> bool {
    match field {
        "apiVersion" => value == "v1",
        "divisor" => value == "0",
        "expirationSeconds" => value == 3600,
        "weight" => value == 1,
        "group" => value == "" || value == "gateway.networking.k8s.io",
        "kind" => value == "Service" || value == "Gateway",
        "path" => value["type"] == "PathPrefix" && value["value"] == "/",
        "protocol" => value == "TCP",
        _ => is_empty(value),
    }
}

/// Whether everything in `desired` stands in `live`; what others added beside it does not count.
pub(crate) fn says(desired: &Value, live: &Value, field: &str) -> bool {
    says_in(desired, live, field, false)
}

/// `whole` is inside of what is replaced as a whole: there, what is in `live` and not in `desired` was taken out of the plan.
fn says_in(desired: &Value, live: &Value, field: &str, whole: bool) -> bool {
    let whole = whole || WHOLE_MAPS.contains(&field);
    match (desired, live) {
        // Replaced as a whole: a key that somebody added to a Service's selector leaves it without pods.
        (Value::Object(desired), Value::Object(live)) if is_atomic(field, desired) => desired == live,
        (Value::Object(desired), Value::Object(live)) => {
            let stands = desired.iter().all(|(name, value)| match live.get(name) {
                Some(there) if matches!(field, "limits" | "requests") => same_quantity(value, there),
                Some(there) => says_in(value, there, name, whole),
                None => is_empty(value) && !SPEAKS_WHEN_EMPTY.contains(&name.as_str()),
            });
            let more = |(name, value): (&String, &Value)| !desired.contains_key(name) && !is_default(name, value);
            stands && !(whole && live.iter().any(more))
        }
        (Value::Array(desired), Value::Array(live)) => match key_of(field, desired) {
            Some(key) if !whole => desired
                .iter()
                .all(|item| live.iter().any(|there| item[key] == there[key] && says_in(item, there, "", false))),
            Some(_) | None => {
                desired.len() == live.len()
                    && desired.iter().zip(live).all(|(item, there)| says_in(item, there, "", true))
            }
        },
        (Value::Number(desired), Value::Number(live)) => desired.as_f64() == live.as_f64(),
        (desired, live) => desired == live,
    }
}

/// Whether Kubernetes replaces a map of this name as a whole.
pub(crate) fn is_atomic(field: &str, map: &Map<String, Value>) -> bool {
    ATOMIC_MAPS.contains(&field) && !map.contains_key("matchLabels")
}

pub(crate) fn key_of(field: &str, items: &[Value]) -> Option<&'static str> {
    let (_, keys) = KEYED_LISTS.iter().find(|(name, _)| *name == field)?;
    keys.iter().copied().find(|key| items.iter().all(|item| item.get(key).is_some()))
}

pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether a `fieldsV1` set names a field that `desired` has not.
/// The format: `f:NAME` is a field, `k:{…}` the list item with these keys, `v:…` a set's member, `.` the thing itself.
fn owns_more(owned: &Value, desired: &Value) -> bool {
    let Value::Object(owned) = owned else { return false };
    owned.iter().any(|(step, below)| {
        let there = match step.split_once(':') {
            Some(("f", name)) => desired.get(name),
            Some(("k", keys)) => item_with(desired, keys),
            Some(("v", value)) => member(desired, value),
            _ => return false,
        };
        there.is_none_or(|there| owns_more(below, there))
    })
}

pub(crate) fn item_with<'a>(list: &'a Value, keys: &str) -> Option<&'a Value> {
    let keys: Map<String, Value> = serde_json::from_str(keys).ok()?;
    list.as_array()?.iter().find(|item| keys.iter().all(|(key, value)| item.get(key) == Some(value)))
}

fn member<'a>(list: &'a Value, value: &str) -> Option<&'a Value> {
    let value: Value = serde_json::from_str(value).ok()?;
    list.as_array()?.iter().find(|item| **item == value)
}

/// The apiserver writes quantities in its own form: `0.5` comes back as `500m`.
fn same_quantity(desired: &Value, live: &Value) -> bool {
    match (desired.as_str().and_then(quantity), live.as_str().and_then(quantity)) {
        (Some(desired), Some(live)) => (desired - live).abs() <= f64::EPSILON * desired.abs(),
        _ => desired == live,
    }
}

fn quantity(text: &str) -> Option<f64> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        "Pi" => 1_125_899_906_842_624.0,
        "Ei" => 1_152_921_504_606_846_976.0,
        exponent => 10_f64.powi(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_add_is_not_drift() {
        let desired =
            json!({"metadata": {"annotations": {"a": "1"}}, "spec": {"ports": [{"port": 80, "protocol": "TCP"}]}});
        let live = json!({"metadata": {"annotations": {"a": "1", "gke": "x"}, "uid": "u"},
            "spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 80, "protocol": "TCP", "nodePort": 3}]}});
        assert!(!differs(&desired, &live, &Value::Null));
    }

    #[test]
    fn a_changed_a_missing_and_an_extra_atomic_value_are_drift() {
        let desired = json!({"data": {"a": "1"}, "rules": [{"verbs": ["get"]}]});
        for live in [
            json!({"data": {"a": "2"}, "rules": [{"verbs": ["get"]}]}),
            json!({"data": {}, "rules": [{"verbs": ["get"]}]}),
            json!({"data": {"a": "1"}, "rules": [{"verbs": ["get", "delete"]}]}),
            json!({"data": {"a": "1"}, "rules": [{"verbs": ["get"]}, {"verbs": ["list"]}]}),
        ] {
            assert!(differs(&desired, &live, &Value::Null), "{live}");
        }
    }

    #[test]
    fn a_key_that_somebody_adds_to_a_selector_is_drift() {
        let desired = json!({"spec": {"selector": {"app": "chat"}}});
        assert!(differs(&desired, &json!({"spec": {"selector": {"app": "chat", "x": "y"}}}), &Value::Null));
    }

    #[test]
    fn an_injected_sidecar_is_not_drift_and_a_changed_image_is() {
        let desired = json!({"containers": [{"name": "server", "image": "a"}]});
        let sidecar = json!({"name": "proxy", "image": "p"});
        assert!(!differs(&desired, &json!({"containers": [sidecar, {"name": "server", "image": "a"}]}), &Value::Null));
        assert!(differs(&desired, &json!({"containers": [sidecar, {"name": "server", "image": "b"}]}), &Value::Null));
    }

    #[test]
    fn a_field_that_is_planned_no_longer_is_drift_while_we_own_it() {
        let desired = json!({"metadata": {"annotations": {"a": "1"}}});
        let live = json!({"metadata": {"annotations": {"a": "1", "b": "2"}}});
        let owned = |names: Value| json!({"f:metadata": {"f:annotations": names}});
        assert!(!differs(&desired, &live, &owned(json!({"f:a": {}}))));
        assert!(differs(&desired, &live, &owned(json!({"f:a": {}, "f:b": {}}))));
    }

    #[test]
    fn list_items_are_found_by_the_keys_of_managed_fields() {
        let desired = json!({"ports": [{"port": 80, "protocol": "TCP", "name": "http"}]});
        let owned = |port: u16| json!({"f:ports": {format!("k:{{\"port\":{port},\"protocol\":\"TCP\"}}"): {".": {}, "f:name": {}}}});
        assert!(!differs(&desired, &desired, &owned(80)));
        assert!(differs(&desired, &desired, &owned(81)));
    }

    #[test]
    fn google_is_told_of_headers_that_were_taken_out() {
        let planned = json!({"spec": {"customRequestHeaders": {}, "iap": {}}});
        let some = json!({"spec": {"customRequestHeaders": {"headers": ["a:b"]}}});
        assert!(differs(&planned, &json!({"spec": {}}), &Value::Null));
        assert!(!differs(&planned, &planned, &Value::Null));
        assert_eq!(before(&planned, &some), Some(json!({"spec": {"iap": {}}})), "it goes as a whole");
        assert_eq!(before(&planned, &json!({"spec": {}})), None, "and comes again");
        assert_eq!(before(&some, &some), None);
        assert_eq!(before(&json!({"spec": {}}), &some), None, "an internal load balancer takes none");
    }

    #[test]
    fn what_is_taken_out_of_a_list_that_is_replaced_as_a_whole_is_drift() {
        let planned = json!({"tolerations": [{"key": "a", "operator": "Exists"}]});
        let live = json!({"tolerations": [{"key": "a", "operator": "Exists", "tolerationSeconds": 60}]});
        assert!(differs(&planned, &live, &Value::Null));
        let planned = json!({"podAffinityTerm": {"namespaceSelector": {}}});
        let live = json!({"podAffinityTerm": {"namespaceSelector": {"matchLabels": {"a": "b"}}}});
        assert!(differs(&planned, &live, &Value::Null));
    }

    #[test]
    fn what_kubernetes_fills_in_there_is_not() {
        let planned = json!({"sources": [{"downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "f"}}]}}, {"serviceAccountToken": {"path": "t"}}],
            "rules": [{"backendRefs": [{"name": "chat", "port": 80}]}], "env": [{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "f"}}}]});
        let live = json!({"sources": [{"downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "f", "apiVersion": "v1"}}]}},
                {"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
            "rules": [{"backendRefs": [{"name": "chat", "port": 80, "group": "", "kind": "Service", "weight": 1}]}],
            "env": [{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": "f", "apiVersion": "v1"}}}]});
        assert!(!differs(&planned, &live, &Value::Null));
    }

    #[test]
    fn quantities_are_compared_by_value() {
        let of = |cpu: &str, memory: &str| json!({"limits": {"cpu": cpu, "memory": memory}});
        assert!(!differs(&of("0.5", "1024Mi"), &of("500m", "1Gi"), &Value::Null));
        assert!(differs(&of("0.5", "1Gi"), &of("600m", "1Gi"), &Value::Null));
    }
}
