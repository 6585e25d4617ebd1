//! Arguments of an event: any number of any values, binary too. Clients of every version send an object as the first.

use std::fmt;

use rmpv::Value;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
    ser::SerializeTuple,
};

/// All arguments of an event. To the parser it looks like a tuple, which stands for all arguments where anything else
/// would stand for the first.
#[derive(Clone, Debug)]
pub(super) struct Args(Vec<Value>);

/// What is wrong with a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    field: &'static str,
    message: String,
}

impl Problem {
    pub(super) fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }

    pub(super) fn payload(error: &dyn fmt::Display) -> Self {
        Self::new("payload", format!("cannot be read: {error}"))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// The fields of the first argument.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(&'a [(Value, Value)]);

impl Args {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self.0.as_slice(), [] | [Value::Nil])
    }

    pub(super) fn fields(&self) -> Result<Fields<'_>, Problem> {
        match self.0.first() {
            Some(Value::Map(fields)) => Ok(Fields(fields)),
            _ => Err(Problem::new("payload", "the first argument has to be an object")),
        }
    }
}

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        let found = self.0.iter().find(|(key, _)| key.as_str() == Some(name));
        found.map(|(_, value)| value).filter(|value| !value.is_nil())
    }

    /// A text of at most so many characters.
    pub(super) fn text(&self, name: &'static str, longest: usize) -> Result<Option<String>, Problem> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| Problem::new(name, "has to be a string"))?;
        match text.chars().nth(longest) {
            None => Ok(Some(text.to_owned())),
            Some(_) => Err(Problem::new(name, format!("has at most {longest} characters"))),
        }
    }

    /// Anything but nothing.
    pub(super) fn data(&self) -> Result<&'a Value, Problem> {
        self.get("data").ok_or_else(|| Problem::new("data", "is required: what the others receive"))
    }
}

impl<'de> Deserialize<'de> for Args {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Args;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Args, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(Args(values))
            }
        }
        deserializer.deserialize_tuple(0, All)
    }
}

impl Serialize for Args {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        self.0.iter().try_for_each(|value| tuple.serialize_element(value))?;
        tuple.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(json: &str) -> Args {
        serde_json::from_str(json).expect("arguments")
    }

    #[test]
    fn problems_name_the_field() {
        let text = |json: &str| {
            args(json).fields().and_then(|fields| fields.text("room", 4)).map_err(|problem| problem.to_string())
        };
        assert_eq!(text(r#"[{"room":"a"}]"#), Ok(Some("a".to_owned())));
        assert_eq!(text(r#"[{"room":null}]"#), Ok(None));
        assert_eq!(text(r#"[{"room":7}]"#), Err("room: has to be a string".to_owned()));
        assert_eq!(text(r#"[{"room":"abcde"}]"#), Err("room: has at most 4 characters".to_owned()));
        assert_eq!(text(r#"["a"]"#), Err("payload: the first argument has to be an object".to_owned()));
        assert_eq!(text("[]"), Err("payload: the first argument has to be an object".to_owned()));
    }
}
