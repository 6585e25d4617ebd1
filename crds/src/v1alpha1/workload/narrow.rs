//! What the apiserver takes in fields of Kubernetes' own types, where those types alone say less: a mistake is then refused when it is
//! made, and not when the Deployment is applied.

use serde_json::{Map, Value, json};

/// `tier` or `example.com/tier`.
pub(crate) const LABEL_KEY: &str = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
/// A word of at most 63 characters, or nothing.
pub(crate) const LABEL_VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";
/// Whatever can be printed, without `=`.
pub(crate) const VARIABLE: &str = "^[ -<>-~]+$";
const NAMESPACE: &str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";

/// What goes together in a toleration.
pub(super) fn toleration() -> Value {
    json!([
        {"rule": "(has(self.key) && size(self.key) > 0) || (has(self.operator) && self.operator == 'Exists')",
            "message": "a toleration without key is for every taint: its operator must be Exists", "fieldPath": ".operator"},
        {"rule": "!has(self.operator) || self.operator != 'Exists' || !has(self.value) || size(self.value) == 0",
            "message": "operator Exists is for any value: leave value out, or set operator to Equal", "fieldPath": ".value"},
        {"rule": "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            "message": "tolerationSeconds is for effect NoExecute alone", "fieldPath": ".tolerationSeconds"},
        {"rule": "!has(self.operator) || !(self.operator in ['Gt', 'Lt']) || (has(self.value) && self.value.matches('^(0|-?[1-9][0-9]{0,17})$'))",
            "message": "operators Gt and Lt compare with a whole number", "fieldPath": ".value"},
    ])
}

/// What goes together in a spread constraint.
pub(super) fn spread() -> Value {
    json!([{"rule": "!has(self.minDomains) || self.whenUnsatisfiable == 'DoNotSchedule'",
        "message": "minDomains is for whenUnsatisfiable DoNotSchedule alone", "fieldPath": ".minDomains"}])
}

/// Adds it to a schema; `path` names the fields that this one is in.
pub(super) fn narrow<'a>(schema: &'a mut Map<String, Value>, path: &mut Vec<&'a str>) {
    for (part, schema) in schema {
        match (part.as_str(), schema) {
            ("properties", Value::Object(fields)) => {
                for (name, field) in fields {
                    let Value::Object(field) = field else { continue };
                    limit(name, path, field);
                    path.push(name);
                    narrow(field, path);
                    path.pop();
                }
            }
            ("items" | "additionalProperties", Value::Object(schema)) => narrow(schema, path),
            _ => {}
        }
    }
}

fn limit(field: &str, path: &[&str], schema: &mut Map<String, Value>) {
    let inside = path.last().copied().unwrap_or_default();
    let of_selector = path.iter().any(|field| field.ends_with("Selector"));
    let (part, limits) = match field {
        "key" if inside == "matchFields" => ("", json!({"enum": ["metadata.name"]})),
        "values" if inside == "matchFields" => return,
        "operator" if inside == "matchFields" => ("", json!({"enum": ["In", "NotIn"]})),
        "operator" if of_selector => ("", json!({"enum": ["In", "NotIn", "Exists", "DoesNotExist"]})),
        "operator" if inside == "matchExpressions" => {
            ("", json!({"enum": ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]}))
        }
        "operator" => ("", json!({"enum": ["", "Exists", "Equal", "Gt", "Lt"]})),
        // Without a key all taints are meant.
        "key" if path.is_empty() => ("", json!({"pattern": format!("^$|{LABEL_KEY}")})),
        "topologyKey" => ("", json!({"pattern": LABEL_KEY, "maxLength": 317})),
        "key" => ("", json!({"pattern": LABEL_KEY})),
        "value" => ("", json!({"pattern": LABEL_VALUE, "maxLength": 63})),
        "effect" => ("", json!({"enum": ["", "NoSchedule", "PreferNoSchedule", "NoExecute"]})),
        "weight" => ("", json!({"minimum": 1, "maximum": 100})),
        "maxSkew" | "minDomains" => ("", json!({"minimum": 1})),
        "whenUnsatisfiable" => ("", json!({"enum": ["DoNotSchedule", "ScheduleAnyway"]})),
        "nodeAffinityPolicy" | "nodeTaintsPolicy" => ("", json!({"enum": ["Honor", "Ignore"]})),
        "matchLabelKeys" | "mismatchLabelKeys" => ("items", json!({"pattern": LABEL_KEY})),
        "namespaces" => ("items", json!({"pattern": NAMESPACE})),
        "values" => ("items", json!({"pattern": LABEL_VALUE})),
        "matchLabels" => ("additionalProperties", json!({"pattern": LABEL_VALUE})),
        _ => return,
    };
    let schema = if part.is_empty() { Some(schema) } else { schema.get_mut(part).and_then(Value::as_object_mut) };
    if let (Some(schema), Value::Object(limits)) = (schema, limits) {
        schema.extend(limits);
    }
}
