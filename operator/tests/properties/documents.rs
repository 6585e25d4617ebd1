//! Random JSON: documents that came from a valid one by a few mistakes, and such as have nothing to do with one.

use proptest::{prelude::*, sample::Index};
use realtime_crds::manifest;
use serde_json::{Map, Number, Value};

use crate::specs::{Resource, resource};

/// Anything, with names and texts that are read somewhere.
fn json() -> impl Strategy<Value = Value> {
    const WORDS: [&str; 24] = [
        "",
        "spec",
        "metadata",
        "name",
        "host",
        "path",
        "origins",
        "allow",
        "timeouts",
        "drain",
        "exposure",
        "gke",
        "workload",
        "podTemplate",
        "containers",
        "server",
        "$patch",
        "1h",
        "9999999h",
        "-1",
        "https://*.com",
        "a\u{0}b",
        "ß\u{202e}",
        "/",
    ];
    let word = || (0..WORDS.len()).prop_map(|index| WORDS[index].to_owned());
    let number = prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<f64>().prop_map(|value| Number::from_f64(value).unwrap_or_else(|| 0.into())),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(Value::Number),
        word().prop_map(Value::String),
        prop::collection::vec(any::<char>(), 0..12).prop_map(|text| Value::String(text.into_iter().collect())),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        let fields = prop::collection::vec((word(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::Array),
            fields.prop_map(|fields| Value::Object(Map::from_iter(fields))),
        ]
    })
}

/// One mistake: where, what is written there, and whether it stands beside or instead of what is there.
fn mistake() -> impl Strategy<Value = (Index, Value, u8)> {
    (any::<Index>(), json(), 0_u8..4)
}

pub fn document() -> impl Strategy<Value = Value> {
    let near = (resource(), prop::collection::vec(mistake(), 1..4)).prop_map(|(Resource { before, .. }, mistakes)| {
        let mut document = manifest::bare(&before);
        for (at, value, how) in mistakes {
            let mut left = at.index(count(&document));
            place(&mut document, &mut left, &mut Some(value), how);
        }
        document
    });
    prop_oneof![8 => near, 1 => json()]
}

/// Values in a document, itself among them.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(fields) => fields.values().map(count).sum(),
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// Goes to the value of this number and makes the mistake there.
fn place(value: &mut Value, left: &mut usize, mistake: &mut Option<Value>, how: u8) {
    if *left == 0 {
        let Some(mistake) = mistake.take() else { return };
        match value {
            Value::Object(fields) if how > 0 => match how {
                1 => _ = fields.insert("podTemplate".to_owned(), mistake),
                2 => _ = fields.insert("surprise".to_owned(), mistake),
                _ => fields.clear(),
            },
            Value::Array(items) if how > 0 => items.push(mistake),
            value => *value = mistake,
        }
        return;
    }
    *left -= 1;
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|value| next(value, left, mistake, how)),
        Value::Array(items) => items.iter_mut().for_each(|value| next(value, left, mistake, how)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn next(value: &mut Value, left: &mut usize, mistake: &mut Option<Value>, how: u8) {
    if mistake.is_some() {
        place(value, left, mistake, how);
    }
}
