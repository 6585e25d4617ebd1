//! A child before and after, cut down to what the operator plans or owns.
//!
//! What the apiserver fills in and what others added is in neither, so a text of the one against a text of the other shows what
//! an apply would change, and nothing else.

use serde_json::{Map, Value, json};

use crate::{
    children::Live,
    drift,
    plan::{Child, Kind},
};

/// The live object and the planned one.
pub(super) fn views(child: &Child, live: &Live) -> (Value, Value) {
    let mut owned = live.owned.clone();
    if child.kind == Kind::Deployment && child.object["spec"]["replicas"].is_null() {
        // Given up, and handed to a HorizontalPodAutoscaler as it is.
        if let Some(spec) = owned["f:spec"].as_object_mut() {
            spec.remove("f:replicas");
        }
    }
    let (before, after) = pair(Some(&child.object), Some(&live.object), &owned, "", "");
    (before.unwrap_or_default(), after.unwrap_or_default())
}

/// What the operator owns of a live object, with what names it.
pub(super) fn of_ours(live: &Live) -> Value {
    let mut view = pair(None, Some(&live.object), &live.owned, "", "").0.unwrap_or_else(|| json!({}));
    for name in ["apiVersion", "kind"] {
        view[name] = live.object[name].clone();
    }
    for name in ["name", "namespace"] {
        view["metadata"][name] = live.object["metadata"][name].clone();
    }
    view
}

type Pair = (Option<Value>, Option<Value>);

/// `field` is the name of the value, and `parent` the one of what it stands in.
fn pair(planned: Option<&Value>, live: Option<&Value>, owned: &Value, parent: &str, field: &str) -> Pair {
    match (planned, live) {
        (None, None) => (None, None),
        (None, Some(live)) => (owned_part(live, owned), None),
        (Some(planned), None) if drift::is_empty(planned) => (None, None),
        (Some(planned), None) => (None, Some(planned.clone())),
        (Some(Value::Object(new)), Some(Value::Object(old))) if !drift::is_atomic(field, new) => {
            of_fields(new, old, owned, field)
        }
        (Some(Value::Array(new)), Some(Value::Array(old))) => match drift::key_of(field, new) {
            Some(key) => of_items(new, old, owned, key),
            None if new.len() == old.len() => {
                let pairs = new.iter().zip(old).map(|(new, old)| pair(Some(new), Some(old), &Value::Null, field, ""));
                let (before, after): (Vec<_>, Vec<_>) = pairs.unzip();
                (Some(before.into_iter().flatten().collect()), Some(after.into_iter().flatten().collect()))
            }
            None => (Some(Value::Array(old.clone())), Some(Value::Array(new.clone()))),
        },
        (Some(planned), Some(live)) => {
            // By the parent it is known whether this is a quantity.
            let says = drift::says(&json!({field: planned}), &json!({field: live}), parent);
            (Some(if says { planned } else { live }.clone()), Some(planned.clone()))
        }
    }
}

fn of_fields(new: &Map<String, Value>, old: &Map<String, Value>, owned: &Value, field: &str) -> Pair {
    let (mut before, mut after) = (new.clone(), new.clone());
    let ours = owned.as_object().into_iter().flat_map(Map::keys).filter_map(|step| step.strip_prefix("f:"));
    let names: std::collections::BTreeSet<_> = new.keys().map(String::as_str).chain(ours).collect();
    for name in names {
        let (was, is) = pair(new.get(name), old.get(name), &owned[format!("f:{name}")], field, name);
        put(&mut before, name, was);
        put(&mut after, name, is);
    }
    (Some(Value::Object(before)), Some(Value::Object(after)))
}

fn put(fields: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => fields.insert(name.to_owned(), value),
        None => fields.remove(name),
    };
}

/// In the order of the plan; what is planned no longer comes last.
fn of_items(new: &[Value], old: &[Value], owned: &Value, key: &str) -> Pair {
    let none = Map::new();
    let ours = owned.as_object().unwrap_or(&none);
    let keys = ours.keys().filter_map(|step| step.strip_prefix("k:"));
    let of_item = |item: &Value| {
        let of = |keys: &&str| drift::item_with(&json!([item]), keys).is_some();
        keys.clone().find(of).map_or(&Value::Null, |keys| &owned[format!("k:{keys}")])
    };
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for item in new {
        let there = old.iter().find(|there| there[key] == item[key]);
        let (was, is) = pair(Some(item), there, of_item(item), "", "");
        before.extend(was);
        after.extend(is);
    }
    let gone = keys.clone().filter(|keys| drift::item_with(&json!(new), keys).is_none());
    let all = json!(old);
    before.extend(gone.filter_map(|keys| owned_part(drift::item_with(&all, keys)?, &owned[format!("k:{keys}")])));
    (Some(Value::Array(before)), Some(Value::Array(after)))
}

/// The fields of a `fieldsV1` set; the whole value where the set does not go further.
fn owned_part(live: &Value, owned: &Value) -> Option<Value> {
    let steps = owned.as_object()?;
    match live {
        _ if steps.keys().all(|step| step == ".") => Some(live.clone()),
        Value::Object(fields) => {
            let of = |(name, value): (&String, &Value)| {
                Some((name.clone(), owned_part(value, owned.get(format!("f:{name}"))?)?))
            };
            Some(Value::Object(fields.iter().filter_map(of).collect()))
        }
        Value::Array(items) => {
            let own = |item: &Value| {
                let keys = steps.keys().filter_map(|step| step.strip_prefix("k:"));
                keys.clone().find(|keys| drift::item_with(&json!([item]), keys).is_some()).and_then(|keys| {
                    let mut part = owned_part(item, &owned[format!("k:{keys}")])?;
                    // What tells it from the others is not always owned by itself.
                    let named: Map<String, Value> = serde_json::from_str(keys).ok()?;
                    part.as_object_mut()?.extend(named);
                    Some(part)
                })
            };
            Some(Value::Array(items.iter().filter_map(own).collect()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(live.clone()),
    }
}

#[cfg(test)]
mod tests;
