//! CEL without a cluster.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use kube::core::cel::{
    KubeCelExt,
    cel::{
        Context, ExecutionError, Program, Value,
        objects::{Key, Map},
    },
};
use serde_json::Value as Json;

use super::{Warned, Warning, rules::Rule};

struct Compiled {
    reason: Warning,
    rule: Rule,
    fine: Program,
    message: Option<Program>,
}

static COMPILED: LazyLock<Vec<Compiled>> =
    LazyLock::new(|| Warning::ALL.iter().map(|reason| compile(*reason)).collect());

fn compile(reason: Warning) -> Compiled {
    let rule = reason.rule();
    let program = |expression: &str| Program::compile(expression).expect("a rule is CEL");
    Compiled { reason, rule, fine: program(rule.fine), message: rule.message_expression().as_deref().map(program) }
}

/// Every rule over a resource with its defaults; `None` where all is well. The apiserver passes over a rule that fails.
pub(super) fn evaluate(object: &Json) -> Vec<Result<Option<Warned>, ExecutionError>> {
    let mut context = Context::default().with_all();
    context.add_variable_from_value("object", value(object));
    COMPILED.iter().map(|compiled| one(compiled, &context)).collect()
}

fn one(compiled: &Compiled, context: &Context<'_>) -> Result<Option<Warned>, ExecutionError> {
    let Compiled { reason, rule, fine, message } = compiled;
    if fine.execute(context)? == Value::Bool(true) {
        return Ok(None);
    }
    let named = match message.as_ref().map(|message| message.execute(context)).transpose()? {
        Some(Value::String(named)) => Some(named.to_string()),
        _ => None,
    };
    let message = named.unwrap_or_else(|| rule.message());
    Ok(Some(Warned { reason: *reason, field: rule.field, message }))
}

/// As the apiserver hands a custom resource to an admission policy: keys as they are, whole numbers as int.
fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => {
            number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::NAN)), Value::Int)
        }
        Json::String(text) => Value::String(Arc::new(text.clone())),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(value).collect())),
        Json::Object(fields) => {
            let entry = |(name, field): (&String, &Json)| (Key::String(Arc::new(name.clone())), value(field));
            Value::Map(Map { map: Arc::new(fields.iter().map(entry).collect::<HashMap<_, _>>()) })
        }
    }
}
