//! `spec.workload.podTemplate`: what no other field says.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Problem;

/// Part of a pod template, as it was written. Its fields are those of `core/v1` PodTemplateSpec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PodTemplate(pub Value);

impl JsonSchema for PodTemplate {
    fn schema_name() -> Cow<'static, str> {
        "PodTemplate".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // A pod template's own schema is larger than the rest of the definition; the fields are checked by `read`.
        json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
    }
}

impl PodTemplate {
    /// The template as a type.
    ///
    /// # Errors
    /// Fields that a pod template does not have, values of another type, and what takes away instead of adding.
    pub fn read(&self) -> Result<PodTemplateSpec, Vec<Problem>> {
        let at = |path: &str| format!("spec.workload.podTemplate{path}");
        let mut problems = Vec::new();
        takes_away(&self.0, "", &mut problems);
        if !problems.is_empty() {
            return Err(problems.into_iter().map(|(path, message)| Problem::invalid(at(&path), message)).collect());
        }
        let template =
            PodTemplateSpec::deserialize(&self.0).map_err(|error| vec![Problem::invalid(at(""), error.to_string())])?;
        let understood = serde_json::to_value(&template).expect("a pod template is JSON");
        let mut lost = Vec::new();
        unknown(&self.0, &understood, "", &mut lost);
        match lost.is_empty() {
            true => Ok(template),
            false => {
                Err(lost.iter().map(|path| Problem::invalid(at(path), "is not a field of a pod template")).collect())
            }
        }
    }
}

fn takes_away(value: &Value, path: &str, problems: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                match value {
                    _ if name.starts_with('$') => {
                        problems.push((path, "takes something away, and podTemplate only adds and changes".to_owned()));
                    }
                    Value::Null => problems.push((
                        path,
                        "is null, which takes something away, and podTemplate only adds and changes".to_owned(),
                    )),
                    value => takes_away(value, &path, problems),
                }
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| takes_away(item, &format!("{path}[{index}]"), problems));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Names what was written and did not come through.
fn unknown(written: &Value, understood: &Value, path: &str, lost: &mut Vec<String>) {
    match (written, understood) {
        (Value::Object(written), Value::Object(understood)) => {
            for (name, value) in written {
                let path = format!("{path}.{name}");
                match understood.get(name) {
                    Some(understood) => unknown(value, understood, &path, lost),
                    // Empty lists and objects may be left out on the way.
                    None if is_empty(value) => {}
                    None => lost.push(path),
                }
            }
        }
        (Value::Array(written), Value::Array(understood)) => {
            for (index, (written, understood)) in written.iter().zip(understood).enumerate() {
                unknown(written, understood, &format!("{path}[{index}]"), lost);
            }
        }
        (_, _) => {}
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}
