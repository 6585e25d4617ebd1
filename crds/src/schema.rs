//! What is done to schemas that were made elsewhere.

use serde_json::Value;

/// Takes a keyword out at any depth. A property may be called like it, and then has a schema as its value and stays.
pub(crate) fn without(value: &mut Value, keyword: &str, is_keyword: fn(&Value) -> bool) {
    match value {
        Value::Object(node) => {
            if node.get(keyword).is_some_and(is_keyword) {
                node.remove(keyword);
            }
            node.values_mut().for_each(|value| without(value, keyword, is_keyword));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, keyword, is_keyword)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
