//! What a file asks for, and what `kubectl apply` would make of it.
//!
//! A field that the file does not name is not asked for: one that was applied before goes back to its default, and one that
//! somebody else set, as `kubectl scale` does, stays.

use std::path::Path;

use anyhow::Result;
use kube::core::DynamicObject;
use realtime_crds::{GROUP, manifest};
use serde_json::{Map, Value, json};

use crate::input;

/// Where client-side apply keeps what was applied last.
pub(super) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// One document as it was written.
pub(super) struct Asked(Value);

/// The RealtimeServices of a file, each of them valid by itself.
pub(super) fn read(path: &Path) -> Result<Vec<Asked>> {
    let text = input::text(path)?;
    input::services_of(path, &text)?;
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text)?;
    let items = documents.into_iter().flat_map(|mut document| match document.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => vec![document],
    });
    let ours = |document: &Value| {
        document["kind"] == "RealtimeService"
            && document["apiVersion"].as_str().is_some_and(|version| version.split('/').next() == Some(GROUP))
    };
    Ok(items.filter(ours).map(Asked).collect())
}

impl Asked {
    pub(super) fn name(&self) -> &str {
        self.0["metadata"]["name"].as_str().unwrap_or_default()
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.0["metadata"]["namespace"].as_str()
    }

    /// The document that would be there after it was applied; without defaults.
    pub(super) fn applied_to(&self, live: Option<&DynamicObject>) -> Value {
        let asked = of_people(&self.0);
        let mut result = match live {
            Some(live) => {
                let mut result = of_people(&serde_json::to_value(live).expect("an object is JSON"));
                take_back(live, &asked, &mut result);
                result
            }
            None => json!({"metadata": {}, "spec": {}}),
        };
        overlay(&mut result, &asked);
        result["apiVersion"] = json!(manifest::API_VERSION);
        result["kind"] = json!("RealtimeService");
        result["metadata"]["name"] = json!(self.name());
        result
    }
}

/// The parts that people write.
fn of_people(document: &Value) -> Value {
    let mut meta = Map::new();
    for part in ["labels", "annotations"] {
        if let Some(entries) = document["metadata"][part].as_object() {
            meta.insert(part.to_owned(), Value::Object(entries.clone()));
        }
    }
    json!({"metadata": meta, "spec": document["spec"]})
}

/// Takes out what was applied before and is not asked for any more.
fn take_back(live: &DynamicObject, asked: &Value, result: &mut Value) {
    let last = live.metadata.annotations.as_ref().and_then(|annotations| annotations.get(LAST_APPLIED));
    if let Some(last) = last.and_then(|last| serde_json::from_str::<Value>(last).ok()) {
        take_named(&of_people(&last), asked, result);
        return;
    }
    for entry in live.metadata.managed_fields.iter().flatten() {
        if entry.operation.as_deref() == Some("Apply")
            && entry.subresource.is_none()
            && let Some(fields) = &entry.fields_v1
        {
            take_owned(&fields.0, asked, result);
        }
    }
}

fn take_named(last: &Value, asked: &Value, result: &mut Value) {
    let (Value::Object(last), Value::Object(result)) = (last, result) else { return };
    for (name, value) in last {
        match (asked.get(name), result.get_mut(name)) {
            (None, _) => drop(result.remove(name)),
            (Some(asked), Some(there)) => take_named(value, asked, there),
            (Some(_), None) => {}
        }
    }
}

/// The same by a `fieldsV1` set, in which a list or a value has no fields of its own.
fn take_owned(owned: &Value, asked: &Value, result: &mut Value) {
    let (Value::Object(owned), Value::Object(result)) = (owned, result) else { return };
    for (step, below) in owned {
        let Some(name) = step.strip_prefix("f:") else { continue };
        let goes_on = below.as_object().is_some_and(|below| below.keys().any(|step| step.starts_with("f:")));
        match (asked.get(name), result.get_mut(name)) {
            (asked, Some(there)) if goes_on => take_owned(below, asked.unwrap_or(&Value::Null), there),
            (None, _) if !matches!(name, "metadata" | "spec") => drop(result.remove(name)),
            (_, _) => {}
        }
    }
}

fn overlay(result: &mut Value, asked: &Value) {
    match (result, asked) {
        (Value::Object(result), Value::Object(asked)) => {
            for (name, value) in asked {
                match value {
                    Value::Null => drop(result.remove(name)),
                    value => overlay(result.entry(name.as_str()).or_insert(Value::Null), value),
                }
            }
        }
        (result, asked) => *result = asked.clone(),
    }
}

#[cfg(test)]
mod tests;
