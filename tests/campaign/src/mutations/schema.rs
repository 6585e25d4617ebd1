//! From the definition's schema: every place in a spec, and values for it, good ones and bad ones.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

/// One step from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Field(String),
    /// The first item of a list.
    Item,
    /// Some key of a map.
    Key,
}

/// A place in a spec.
pub(super) type Path = Vec<Step>;

/// A value that is put at a place, or nothing: what is there is taken away.
#[derive(Clone, Debug)]
pub(super) struct Mutation {
    pub(super) path: Path,
    pub(super) value: Option<Value>,
}

/// What stands at places in specs that are known to be good.
pub(super) type Donors = BTreeMap<Path, Vec<Value>>;

/// Stands for the name of the service that is worked on: hosts must differ.
pub(super) const SELF: &str = "self-name";

pub(super) fn spec_schema() -> Result<Value> {
    let text = realtime_crds::manifest::definitions_yaml();
    let definition: Value = serde_saphyr::from_str(&text).context("the definition is YAML")?;
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    Ok(schema.clone())
}

/// Takes in what a good spec has at every place.
pub(super) fn donate(schema: &Value, value: &Value, path: &mut Path, donors: &mut Donors) {
    let known = donors.entry(path.clone()).or_default();
    if !known.contains(value) && known.len() < 12 {
        known.push(value.clone());
    }
    let mut inner = |step: Step, schema: &Value, value: &Value| {
        path.push(step);
        donate(schema, value, path, donors);
        path.pop();
    };
    match value {
        Value::Object(fields) if schema["properties"].is_object() => fields
            .iter()
            .filter(|(name, _)| schema["properties"][name].is_object())
            .for_each(|(name, value)| inner(Step::Field(name.clone()), &schema["properties"][name], value)),
        Value::Object(fields) if schema["additionalProperties"].is_object() => {
            fields.values().for_each(|value| inner(Step::Key, &schema["additionalProperties"], value));
        }
        Value::Array(items) => items.iter().for_each(|value| inner(Step::Item, &schema["items"], value)),
        _ => {}
    }
}

/// Every mutation of every place.
pub(super) fn all(schema: &Value, donors: &Donors) -> Vec<Mutation> {
    let mut found = Vec::new();
    walk(schema, &mut Vec::new(), donors, &mut found);
    found
}

fn walk(schema: &Value, path: &mut Path, donors: &Donors, found: &mut Vec<Mutation>) {
    if !path.is_empty() {
        let mut put = |value: Option<Value>| found.push(Mutation { path: path.clone(), value });
        put(None);
        put(Some(Value::Null));
        values(schema, path, donors).into_iter().for_each(|value| put(Some(value)));
    }
    let mut inner = |step: Step, schema: &Value| {
        path.push(step);
        walk(schema, path, donors, found);
        path.pop();
    };
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        inner(Step::Field(name.clone()), schema);
    }
    if schema["items"].is_object() {
        inner(Step::Item, &schema["items"]);
    }
    if schema["additionalProperties"].is_object() {
        inner(Step::Key, &schema["additionalProperties"]);
    }
}

fn values(schema: &Value, path: &Path, donors: &Donors) -> Vec<Value> {
    if path == &[Step::Field("host".to_owned())] {
        return hosts();
    }
    let mut values = donors.get(path).cloned().unwrap_or_default();
    values.extend(schema["enum"].as_array().into_iter().flatten().cloned());
    match schema["type"].as_str() {
        Some("boolean") => values.extend([json!(true), json!(false), json!("yes")]),
        Some("integer" | "number") => values.extend(numbers(schema)),
        Some("string") => values.extend(strings(schema)),
        Some("array") => {
            let of =
                donors.get(path).and_then(|known| known.first()).and_then(Value::as_array).cloned().unwrap_or_default();
            let twice: Vec<_> = of.iter().chain(&of).cloned().collect();
            values.extend([json!([]), Value::Array(twice), json!({}), json!([null])]);
        }
        Some("object") => {
            values.extend([json!({}), json!([]), json!({"noSuchField": 1})]);
        }
        _ => values.extend(
            ["100m", "1.5", "0", "-1", "1Gi", "x", ""].map(|text| json!(text)).into_iter().chain([json!(1), json!(0)]),
        ),
    }
    let mut unique: Vec<Value> = Vec::new();
    values.into_iter().for_each(|value| {
        if !unique.contains(&value) {
            unique.push(value)
        }
    });
    unique
}

fn hosts() -> Vec<Value> {
    let hosts = [
        "HOST.domain-b.com",
        "*.HOST.domain-a.com",
        "HOST..com",
        "HOST.com.",
        "UPPER.HOST.com",
        "HOST_x.com",
        "HOST.com:443",
        "http://HOST.com",
        "192.0.2.1",
    ];
    let mut hosts: Vec<Value> = hosts.iter().map(|host| json!(host.replace("HOST", SELF))).collect();
    let label = "a".repeat(60);
    let long = format!("{SELF}.{label}.{label}.{label}.com");
    hosts.extend([json!(long), json!(format!("{label}.{long}")), json!(""), json!(7)]);
    hosts
}

fn numbers(schema: &Value) -> Vec<Value> {
    let whole = schema["type"] == "integer";
    let number = |value: f64| if whole { json!(value as i64) } else { json!(value) };
    let step = if whole { 1.0 } else { 0.1 };
    let mut values = vec![json!("7"), json!(1.5), json!(-1), json!(0), json!(1), json!(100)];
    for (bound, out) in [("minimum", -step), ("maximum", step)] {
        if let Some(bound) = schema[bound].as_f64() {
            values.extend([number(bound), number(bound + out), number(bound - out)]);
        }
    }
    values.push(json!(4_294_967_296_u64));
    values
}

fn strings(schema: &Value) -> Vec<Value> {
    let durations = schema["pattern"].as_str().is_some_and(|pattern| pattern.contains("h|m|s|ms"));
    let texts: &[&str] = match durations {
        true => &[
            "0s", "1s", "9999ms", "10s", "1m", "59m", "1h", "90m", "1h0m", "24h", "24h1ms", "60m", "3600s", "1d",
            "-1s", "1.5h",
        ],
        false => {
            &["a", "x-1", "A.b_c/d", "with space", "ünï", "$(HOME)", "line\nbreak", "\"quoted\": {}", "-", "a/b:c"]
        }
    };
    let mut values: Vec<Value> = texts.iter().map(|text| json!(text)).collect();
    values.extend([json!(""), json!(7)]);
    if let Some(longest) = schema["maxLength"].as_u64().and_then(|longest| usize::try_from(longest).ok()) {
        values.extend([json!("a".repeat(longest)), json!("a".repeat(longest + 1))]);
    }
    values
}

impl Mutation {
    /// The spec with this mutation; where the way to its place is missing it is taken from the donors.
    pub(super) fn of(&self, spec: &Value, donors: &Donors) -> Value {
        let mut spec = spec.clone();
        if let [Step::Field(first), Step::Field(way), ..] = self.path.as_slice()
            && first == "exposure"
            && self.value.is_some()
        {
            // Exactly one way is allowed.
            if let Some(ways) = spec["exposure"].as_object_mut() {
                ways.retain(|name, _| name == way);
            }
        }
        put(&mut spec, &self.path, 0, self.value.as_ref(), donors);
        spec
    }

    /// For people.
    pub(super) fn name(&self) -> String {
        let value = self.value.as_ref().map_or("removed".to_owned(), Value::to_string);
        let short: String = value.chars().take(80).collect();
        format!("{} = {short}", words(&self.path))
    }
}

pub(super) fn words(path: &Path) -> String {
    let word = |step: &Step| match step {
        Step::Field(name) => format!(".{name}"),
        Step::Item => "[0]".to_owned(),
        Step::Key => "{key}".to_owned(),
    };
    path.iter().map(word).collect()
}

fn put(at: &mut Value, path: &Path, depth: usize, value: Option<&Value>, donors: &Donors) {
    let here: Path = path[..depth].to_vec();
    let donor = || donors.get(&here).and_then(|known| known.first()).cloned();
    let Some(step) = path.get(depth) else { return };
    let last = depth + 1 == path.len();
    let next: &mut Value = match step {
        Step::Field(_) | Step::Key => {
            if !at.is_object() {
                if value.is_none() {
                    return;
                }
                *at = donor().filter(Value::is_object).unwrap_or_else(|| Value::Object(Map::new()));
            }
            let fields = at.as_object_mut().expect("it is one now");
            let name = match step {
                Step::Field(name) => name.clone(),
                _ => fields.keys().next().cloned().unwrap_or_else(|| "key-1".to_owned()),
            };
            if last && value.is_none() {
                fields.remove(&name);
                return;
            }
            fields.entry(name).or_insert(Value::Null)
        }
        Step::Item => {
            if !at.is_array() {
                if value.is_none() {
                    return;
                }
                *at = donor().filter(Value::is_array).unwrap_or_else(|| json!([]));
            }
            let items = at.as_array_mut().expect("it is one now");
            if last && value.is_none() {
                if !items.is_empty() {
                    items.remove(0);
                }
                return;
            }
            if items.is_empty() {
                items.push(Value::Null);
            }
            &mut items[0]
        }
    };
    match value {
        Some(value) if last => *next = value.clone(),
        _ => put(next, path, depth + 1, value, donors),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        let step = |part: &str| match part {
            "[]" => Step::Item,
            "{}" => Step::Key,
            name => Step::Field(name.to_owned()),
        };
        text.split('.').map(step).collect()
    }

    #[test]
    fn the_way_to_a_place_is_taken_from_a_donor() {
        let donors = Donors::from([(path("env"), vec![json!([{"name": "A", "value": "1"}])])]);
        let mutation = Mutation { path: path("env.[].value"), value: Some(json!("2")) };
        assert_eq!(mutation.of(&json!({}), &donors), json!({"env": [{"name": "A", "value": "2"}]}));
        let removal = Mutation { path: path("env.[].value"), value: None };
        assert_eq!(
            removal.of(&json!({"env": [{"name": "A", "value": "1"}]}), &donors),
            json!({"env": [{"name": "A"}]})
        );
    }

    #[test]
    fn another_way_in_takes_the_place_of_the_one_before() {
        let mutation = Mutation { path: path("exposure.ingress.className"), value: Some(json!("nginx")) };
        let spec = json!({"exposure": {"gke": {}}});
        assert_eq!(mutation.of(&spec, &Donors::new()), json!({"exposure": {"ingress": {"className": "nginx"}}}));
    }

    #[test]
    fn every_leaf_of_the_definition_is_mutated_and_there_are_more_than_a_thousand() {
        let all = all(&spec_schema().expect("a schema"), &Donors::new());
        assert!(all.len() > 1000, "{}", all.len());
        assert!(all.iter().any(|it| words(&it.path) == ".workload.tolerations[0].effect"));
    }
}
