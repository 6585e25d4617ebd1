//! docs/reference.md is made from the definition. `UPDATE_DOCS=1` writes it; otherwise it is compared.

use std::fmt::Write;

use kube::CustomResourceExt;
use realtime_crds::RealtimeService;
use serde_json::Value;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference.md");
const HEAD: &str = "# Reference

Every field of a RealtimeService, made from the definition that the apiserver has (`UPDATE_DOCS=1 cargo test -p realtime-crds --test reference`). The same words are in
`kubectl explain rts.spec --recursive`. An example of each way is in [examples](../examples); what the numbers come to is in [One budget](timeouts.md). Required fields are **bold**. Fields\nthat Kubernetes describes itself (an affinity, a toleration) are not spelt out.
`kubectl-realtime render -f FILE` checks a file by this schema and these rules, without a cluster.
";

#[test]
fn the_reference_is_what_the_definition_says() {
    let definition = serde_json::to_value(RealtimeService::crd()).expect("a definition is JSON");
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let mut page = HEAD.to_owned();
    let spec = &schema["properties"]["spec"];
    let (deep, flat): (Vec<_>, Vec<_>) = fields(spec).into_iter().partition(|(_, field, _)| has_fields(field));
    page += "\n## spec\n\n";
    rows(&mut page, &flat, true);
    rules(&mut page, schema, "spec");
    for (name, field, _) in &deep {
        let _ = write!(page, "\n## spec.{name}\n\n{}\n\n", words(field));
        let mut all = Vec::new();
        below(field, "", &mut all);
        rows(&mut page, &all, true);
        rules(&mut page, field, name);
    }
    page += "\n## status\n\nWritten by the operator alone; [what the conditions mean](status.md).\n\n";
    let mut all = Vec::new();
    below(&schema["properties"]["status"], "", &mut all);
    rows(&mut page, &all, false);

    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PATH, page).expect("the page can be written");
        return;
    }
    let there = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(there == page, "docs/reference.md is stale: UPDATE_DOCS=1 cargo test -p realtime-crds --test reference");
}

type Field<'a> = (String, &'a Value, bool);

fn fields(object: &Value) -> Vec<Field<'_>> {
    let required = |name: &str| object["required"].as_array().is_some_and(|all| all.iter().any(|it| it == name));
    let properties = object["properties"].as_object();
    properties.into_iter().flatten().map(|(name, field)| (name.clone(), field, required(name))).collect()
}

fn has_fields(field: &Value) -> bool {
    field["properties"].is_object() || field["items"]["properties"].is_object()
}

/// The fields of an object and of those in it, under their paths.
fn below<'a>(object: &'a Value, path: &str, all: &mut Vec<Field<'a>>) {
    for (name, field, required) in fields(object) {
        let path = format!("{path}{name}");
        all.push((path.clone(), field, required));
        if ours(field) && name != "conditions" {
            below(field, &format!("{path}."), all);
            below(&field["items"], &format!("{path}[]."), all);
        }
    }
}

/// What is Kubernetes' own, such as an affinity, is described there: its fields have no words here.
fn ours(object: &Value) -> bool {
    let inside = [fields(object), fields(&object["items"])].concat();
    inside.iter().any(|(_, field, _)| field["description"].is_string())
}

fn rows(page: &mut String, fields: &[Field<'_>], defaults: bool) {
    *page += if defaults {
        "| field | type | default | |\n| --- | --- | --- | --- |\n"
    } else {
        "| field | type | |\n| --- | --- | --- |\n"
    };
    for (path, field, required) in fields {
        let name = if *required { format!("**`{path}`**") } else { format!("`{path}`") };
        let default = match &field["default"] {
            _ if !defaults => String::new(),
            Value::Null | Value::Object(_) => " |".to_owned(),
            value => format!(" `{value}` |"),
        };
        let _ = writeln!(page, "| {name} | {} |{default} {} |", kind(field), words(field));
    }
}

/// What the rules across fields refuse, in the words of the apiserver.
fn rules(page: &mut String, object: &Value, path: &str) {
    let mut said = Vec::new();
    collect(object, path, &mut said);
    if !said.is_empty() {
        *page += "\nRefused otherwise:\n\n";
    }
    for (path, message) in said {
        let _ = writeln!(page, "- `{path}`: {}", escaped(message));
    }
}

fn collect<'a>(object: &'a Value, path: &str, said: &mut Vec<(String, &'a str)>) {
    for rule in object["x-kubernetes-validations"].as_array().into_iter().flatten() {
        said.extend(rule["message"].as_str().map(|message| (path.to_owned(), message)));
    }
    // The resource's own rules stand with `spec`, and so do those of its fields without fields.
    let whole = object["properties"]["spec"].is_object();
    let inside = if whole { fields(&object["properties"]["spec"]) } else { fields(object) };
    for (name, field, _) in inside.iter().filter(|(_, field, _)| !whole || !has_fields(field)) {
        collect(field, &format!("{path}.{name}"), said);
    }
    if object["items"].is_object() {
        collect(&object["items"], &format!("{path}[]"), said);
    }
}

fn kind(field: &Value) -> String {
    let range = |unit: &str, least: &str, most: &str| match (field[least].as_f64(), field[most].as_f64()) {
        (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
        (Some(least), None) => format!(", from {least}{unit}"),
        (None, Some(most)) => format!(", up to {most}{unit}"),
        (None, None) => String::new(),
    };
    if let Some(words) = field["enum"].as_array() {
        let words: Vec<_> = words.iter().filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
        return words.join(", ");
    }
    match field["type"].as_str() {
        Some("array") => format!("list of {}{}", kind(&field["items"]), range(" entries", "minItems", "maxItems")),
        Some("string") => format!("string{}", range(" characters", "minLength", "maxLength")),
        Some("object") if field["additionalProperties"].is_object() => {
            format!("map of {}", kind(&field["additionalProperties"]))
        }
        Some(number @ ("integer" | "number")) => format!("{number}{}", range("", "minimum", "maximum")),
        Some(other) => other.to_owned(),
        None if field["x-kubernetes-int-or-string"] == true => "integer or string".to_owned(),
        None => "anything".to_owned(),
    }
}

fn words(field: &Value) -> String {
    escaped(field["description"].as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|").replace('<', "&lt;")
}
