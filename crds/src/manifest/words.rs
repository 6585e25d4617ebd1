//! What the schema refuses, in words: the field, what was found there and what is allowed.

use jsonschema::{ValidationError, error::ValidationErrorKind};
use serde_json::Value;

use crate::{
    Problem,
    v1alpha1::{DURATION_PATTERN, Duration, LABEL_KEY_PATTERN, LABEL_VALUE_PATTERN, QUANTITY_PATTERN},
};

/// One error is several problems where it is about several fields.
pub(super) fn problems(schema: &Value, error: &ValidationError<'_>) -> Vec<Problem> {
    let field = field_path(error.instance_path().as_str());
    let under = |name: &str| if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
    let found = error.instance();
    let node = error.schema_path().as_str().rsplit_once('/').and_then(|(node, _)| schema.pointer(node));
    let message = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let unknown = |name: &String| Problem::invalid(under(name), "is not a field of RealtimeService");
            return unexpected.iter().map(unknown).collect();
        }
        ValidationErrorKind::Required { property } => {
            return vec![Problem::invalid(under(property.as_str().unwrap_or_default()), "is required")];
        }
        ValidationErrorKind::Enum { options } => {
            let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let words: Vec<_> = options.iter().filter(|word| **word != "").map(Value::to_string).collect();
            format!("{found} is not one of {}", words.join(", "))
        }
        ValidationErrorKind::MinItems { limit } => format!("needs at least {limit} entry"),
        ValidationErrorKind::Minimum { limit } => {
            format!("{found} is less than the minimum of {}{}", number(limit), range(node))
        }
        ValidationErrorKind::Maximum { limit } => {
            format!("{found} is greater than the maximum of {}{}", number(limit), range(node))
        }
        ValidationErrorKind::Pattern { pattern } if pattern == DURATION_PATTERN => {
            let found = found.as_str().unwrap_or_default();
            let said = found.parse::<Duration>().err().map_or_else(|| error.to_string(), |error| error.to_string());
            format!("{said}{}", rule(node))
        }
        ValidationErrorKind::Pattern { pattern } if pattern == QUANTITY_PATTERN => {
            format!("{found} is not a quantity: write a number with or without a unit, e.g. 250m, 0.5 or 256Mi")
        }
        ValidationErrorKind::Pattern { pattern } if pattern == LABEL_VALUE_PATTERN => {
            format!("{found} is no value of a label: write up to 63 letters, digits, '-', '_' and '.'")
        }
        ValidationErrorKind::Pattern { pattern } if pattern == LABEL_KEY_PATTERN => {
            format!("{found} is no key of a label: write one such as tier or example.com/tier")
        }
        _ => format!("{error}{}", rule(node)),
    };
    vec![Problem::invalid(field, message)]
}

/// A schema writes 1000.0 where it means 1000.
fn number(value: &Value) -> String {
    value.to_string().trim_end_matches(".0").to_owned()
}

fn range(node: Option<&Value>) -> String {
    let limit = |name: &str| node.and_then(|node| node.get(name)).map(number);
    match (limit("minimum"), limit("maximum")) {
        (Some(least), Some(most)) => format!("; allowed is {least} to {most}"),
        (_, _) => String::new(),
    }
}

/// The one rule of a field whose value is so wrong that its rules are not asked.
fn rule(node: Option<&Value>) -> String {
    let rules = node.and_then(|node| node["x-kubernetes-validations"].as_array());
    let sole = rules.and_then(|rules| <&[Value; 1]>::try_from(rules.as_slice()).ok());
    sole.and_then(|[rule]| rule["message"].as_str()).map_or_else(String::new, |message| format!("; {message}"))
}

/// `/spec/origins/allow/2` as people write it: `spec.origins.allow[2]`.
fn field_path(pointer: &str) -> String {
    let steps = pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~"));
    steps.fold(String::new(), |path, step| match (path.is_empty(), step.parse::<usize>()) {
        (_, Ok(index)) => format!("{path}[{index}]"),
        (true, Err(_)) => step,
        (false, Err(_)) => format!("{path}.{step}"),
    })
}
