//! The resources together say everything that a resource can say.

use std::collections::BTreeMap;

use kube::CustomResourceExt;
use realtime_crds::RealtimeService;
use serde_json::Value;

use crate::files;

/// Fields of Kubernetes' own types: one that is set counts as a whole.
const WHOLE: [&str; 5] = [
    "spec.workload.affinity",
    "spec.workload.env",
    "spec.workload.podTemplate",
    "spec.workload.tolerations",
    "spec.workload.topologySpread",
];

fn schema() -> Value {
    let definition = serde_json::to_value(RealtimeService::crd()).expect("a definition is JSON");
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
}

/// Every field that has none below it, with its schema.
fn leaves<'a>(schema: &'a Value, path: &str, found: &mut BTreeMap<String, &'a Value>) {
    let fields = schema["properties"].as_object().filter(|fields| !fields.is_empty() && !WHOLE.contains(&path));
    match (fields, schema["items"]["properties"].is_object() && !WHOLE.contains(&path)) {
        (Some(fields), _) => fields.iter().for_each(|(name, field)| leaves(field, &format!("{path}.{name}"), found)),
        (None, true) => leaves(&schema["items"], &format!("{path}[]"), found),
        (None, false) => _ = found.insert(path.to_owned(), schema),
    }
}

/// What a resource says of a field: nothing, one value, or several where a list is on the way.
fn said<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    path.split('.').fold(vec![value], |values, step| {
        let (name, is_list) = step.strip_suffix("[]").map_or((step, false), |name| (name, true));
        let below = values.into_iter().filter_map(|value| value.get(name));
        match is_list {
            true => below.flat_map(|value| value.as_array().into_iter().flatten()).collect(),
            false => below.collect(),
        }
    })
}

fn resources() -> Vec<Value> {
    files::inputs()
        .iter()
        .map(|(name, text)| serde_saphyr::from_str(text).unwrap_or_else(|_| panic!("{name}")))
        .collect()
}

#[test]
fn every_field_is_set_in_two_resources_at_least() {
    let (schema, resources) = (schema(), resources());
    let mut fields = BTreeMap::new();
    leaves(&schema, "spec", &mut fields);
    assert!(WHOLE.iter().all(|field| fields.contains_key(*field)), "a field that counts as a whole is gone");
    let count = |field: &str| resources.iter().filter(|resource| !said(resource, field).is_empty()).count();
    let seldom: Vec<_> = fields.keys().map(|field| (field, count(field))).filter(|(_, times)| *times < 2).collect();
    assert!(seldom.is_empty(), "of {} fields, these are set in fewer than two resources: {seldom:#?}", fields.len());
}

#[test]
fn every_word_of_a_closed_set_is_in_a_resource() {
    let (schema, resources) = (schema(), resources());
    let mut fields = BTreeMap::new();
    leaves(&schema, "spec", &mut fields);
    let mut missing = Vec::new();
    for (field, schema) in fields {
        let words = schema["enum"].as_array().or_else(|| schema["items"]["enum"].as_array());
        let said = || resources.iter().flat_map(|resource| said(resource, &field));
        let says =
            |word: &Value| said().any(|said| said == word || said.as_array().is_some_and(|all| all.contains(word)));
        missing.extend(words.into_iter().flatten().filter(|word| !says(word)).map(|word| format!("{field}: {word}")));
    }
    assert!(missing.is_empty(), "no resource says {missing:#?}");
}
