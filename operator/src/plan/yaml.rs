//! Children as YAML: what `kubectl-realtime render` prints and the golden files hold.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use serde_saphyr::SingleQuoted;

use super::Child;

/// Fields that people write first; the others follow by the alphabet.
const FIRST: [&str; 6] = ["apiVersion", "kind", "metadata", "name", "namespace", "image"];

/// One document for each child, in the order in which they are applied.
#[must_use]
pub fn yaml(children: &[Child]) -> String {
    let document = |child: &Child| serde_saphyr::to_string(&Written(&child.object)).expect("JSON is YAML");
    children.iter().map(document).collect::<Vec<_>>().join("---\n")
}

/// JSON in the order and with the quotes of somebody who writes by hand.
struct Written<'a>(&'a Value);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                let first = FIRST.iter().filter_map(|name| fields.get_key_value(*name));
                let others = fields.iter().filter(|(name, _)| !FIRST.contains(&name.as_str()));
                first.chain(others).try_for_each(|(name, value)| map.serialize_entry(name, &Written(value)))?;
                map.end()
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Written)),
            // JSON in an annotation, without a backslash before each quote.
            Value::String(text) if text.contains('"') && !text.contains(|c: char| c == '\'' || c.is_control()) => {
                SingleQuoted(text.as_str()).serialize(serializer)
            }
            value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => value.serialize(serializer),
        }
    }
}
