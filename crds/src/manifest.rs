//! RealtimeServices from YAML files, refused for the same reasons and in nearly the same words as by the apiserver.
//!
//! The schema of the definition itself is what checks: structure and ranges by JSON Schema, the rules across fields
//! by CEL, and then what only code can check ([`ValidService`]).

mod words;

use std::sync::LazyLock;

use jsonschema::{PatternOptions, Validator};
use kube::{
    CustomResourceExt, ResourceExt,
    core::cel::{self, CompiledSchema},
};
use origin_policy::OriginPolicy;
use serde::Deserialize;
use serde_json::Value;

use crate::{Problem, RealtimeService, RealtimeServiceSpec, ValidService, v1alpha1::Origins};

/// The version that is read and written.
pub const API_VERSION: &str = "realtime-operator.dev/v1alpha1";

struct Schema {
    open_api: Value,
    strict: Validator,
    rules: CompiledSchema,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let definition = serde_json::to_value(RealtimeService::crd()).expect("a definition is JSON");
    let open_api = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    let mut closed = open_api.clone();
    close(&mut closed);
    let strict = jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .build(&closed)
        .expect("the schema of the definition is a JSON Schema");
    let rules = cel::compile_schema(&open_api);
    Schema { open_api, strict, rules }
});

/// Reads every RealtimeService of a file that may hold several YAML documents; documents of other kinds are passed over.
///
/// # Errors
/// All problems of all documents at once; also when there is no RealtimeService in it.
pub fn read(text: &str) -> Result<Vec<RealtimeService>, Vec<Problem>> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|error| vec![Problem::invalid("", format!("not YAML: {error}"))])?;
    let ours: Vec<_> = documents.iter().flat_map(items).filter(|document| is_ours(document)).collect();
    if ours.is_empty() {
        let message = "holds no RealtimeService: its documents need apiVersion: realtime-operator.dev/v1alpha1 and kind: RealtimeService";
        return Err(vec![Problem::invalid("", message)]);
    }
    let mut services = Vec::with_capacity(ours.len());
    let mut problems = Vec::new();
    for document in ours {
        match one(document) {
            Ok(service) => services.push(service),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(services) } else { Err(problems) }
}

/// The items of a list, as `kubectl get -o yaml` prints it; else the document itself.
fn items(document: &Value) -> &[Value] {
    let listed =
        document["items"].as_array().filter(|_| document["kind"].as_str().is_some_and(|kind| kind.ends_with("List")));
    listed.map_or(std::slice::from_ref(document), Vec::as_slice)
}

/// Checks one document, fills in the defaults and gives the resource.
///
/// # Errors
/// All problems at once.
pub fn one(document: &Value) -> Result<RealtimeService, Vec<Problem>> {
    let mut problems: Vec<_> =
        SCHEMA.strict.iter_errors(document).flat_map(|error| words::problems(&SCHEMA.open_api, &error)).collect();
    let version = document["apiVersion"].as_str().unwrap_or_default();
    if version != API_VERSION {
        problems.push(Problem::invalid("apiVersion", format!("{version:?} is not known: write {API_VERSION}")));
    }
    if document["metadata"]["name"].as_str().is_none() {
        problems.push(Problem::invalid("metadata.name", "is required"));
    }
    let document = cel::apply_defaults(&SCHEMA.open_api, document);
    let service = RealtimeService::deserialize(&document);
    let of_code = match &service {
        Ok(service) => ValidService::new(service).err().unwrap_or_default(),
        // Something else cannot be read; the origins may say more all the same.
        Err(_) => origins(&document["spec"]["origins"]),
    };
    // Code says of an origin more than a rule can, and a rule that trips over what the schema refused says nothing.
    let said = |known: &[Problem], rule: &Problem| known.iter().any(|known| covers(&rule.field, &known.field));
    let of_rules =
        rules(&document).into_iter().filter(|rule| !said(&problems, rule) && !said(&of_code, rule)).collect::<Vec<_>>();
    let of_code =
        of_code.into_iter().filter(|code| !problems.iter().any(|known| known.field == code.field)).collect::<Vec<_>>();
    problems.extend(of_rules);
    problems.extend(of_code);
    match service {
        _ if !problems.is_empty() => Err(problems),
        Ok(service) => Ok(service),
        Err(error) => Err(vec![Problem::invalid("", error.to_string())]),
    }
}

fn origins(value: &Value) -> Vec<Problem> {
    let Ok(origins) = Origins::deserialize(value) else { return Vec::new() };
    let problems = OriginPolicy::new(&origins.config()).err().unwrap_or_default();
    problems.iter().map(Problem::of_origins).collect()
}

fn rules(document: &Value) -> Vec<Problem> {
    let Err(errors) = cel::validate_compiled(&SCHEMA.rules, document, None) else {
        return Vec::new();
    };
    let of_rule = |error: &cel::ValidationError| {
        Problem::invalid(error.field_path.trim_start_matches('.'), error.message.clone())
    };
    errors.as_slice().iter().map(of_rule).collect()
}

/// Whether `inner` is the same field or one within it.
fn covers(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The manifest of a resource as it is applied: nothing of what the cluster adds.
#[must_use]
pub fn bare(service: &RealtimeService) -> Value {
    written(&service.name_any(), service.namespace().as_deref(), service.metadata.generation, &service.spec)
}

/// The manifest of a service that was parsed.
#[must_use]
pub fn of(service: &ValidService) -> Value {
    let mut document = written(service.name(), Some(service.namespace()), Some(service.generation()), service.spec());
    if !service.uid().is_empty() {
        document["metadata"]["uid"] = service.uid().into();
    }
    document
}

fn written(name: &str, namespace: Option<&str>, generation: Option<i64>, spec: &RealtimeServiceSpec) -> Value {
    serde_json::json!({
        "apiVersion": API_VERSION,
        "kind": "RealtimeService",
        "metadata": {"name": name, "namespace": namespace, "generation": generation},
        "spec": spec,
    })
}

/// The definitions as one YAML text; what `crds/realtimeservices.yaml` holds.
#[must_use]
pub fn definitions_yaml() -> String {
    let to_yaml = |definition| serde_saphyr::to_string(&definition).expect("a definition is YAML");
    crate::definitions().into_iter().map(to_yaml).collect::<Vec<_>>().join("---\n")
}

/// The admission policy that warns, with its binding, as one YAML text; what the chart holds.
#[must_use]
pub fn warnings_yaml() -> String {
    let to_yaml = |policy| serde_saphyr::to_string(&policy).expect("a policy is YAML");
    crate::warnings::admission_policies().into_iter().map(to_yaml).collect::<Vec<_>>().join("---\n")
}

fn is_ours(document: &Value) -> bool {
    let group = document["apiVersion"].as_str().and_then(|version| version.split_once('/')).map(|(group, _)| group);
    group == Some(crate::GROUP) && document["kind"] == "RealtimeService"
}

/// The apiserver refuses unknown fields of a structural schema when validation is strict; JSON Schema has to be told.
fn close(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    let is_root = node.get("properties").and_then(|p| p.get("spec")).is_some();
    if node.contains_key("properties") && !is_root && !node.contains_key("additionalProperties") {
        node.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if node.get("nullable") == Some(&Value::Bool(true))
        && let Some(kind) = node.get("type").cloned().filter(Value::is_string)
    {
        node.insert("type".to_owned(), Value::Array(vec![kind, Value::String("null".to_owned())]));
    }
    if node.get("x-kubernetes-list-type") == Some(&Value::String("set".to_owned())) {
        node.insert("uniqueItems".to_owned(), Value::Bool(true));
    }
    if node.remove("x-kubernetes-int-or-string").is_some() {
        node.insert("type".to_owned(), serde_json::json!(["integer", "string"]));
    }
    for (key, child) in node.iter_mut() {
        match (key.as_str(), child) {
            ("properties", Value::Object(children)) => children.values_mut().for_each(close),
            ("items" | "additionalProperties", child) => close(child),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
