//! Values with binary: JSON text with placeholders as Socket.IO's parser writes it, and the MessagePack tree that the format has.

use std::collections::VecDeque;

use bytes::Bytes;
use rmpv::Value;

use super::CodecError;

/// A value of JSON. Binary stands beside it, and in its place `{"_placeholder":true,"num":0}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// JSON.
    pub text: String,
    /// Binary.
    pub attachments: VecDeque<Bytes>,
}

impl Payload {
    /// Without binary.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), attachments: VecDeque::new() }
    }

    /// The first element of a list; nothing where it is empty.
    #[must_use]
    pub fn first(&self) -> Self {
        let first = self.tree().ok().and_then(|tree| tree.as_array().and_then(|list| list.first().cloned()));
        Self::of(first.unwrap_or(Value::Nil))
    }

    /// A list of this alone.
    #[must_use]
    pub fn into_list(self) -> Self {
        Self { text: format!("[{}]", self.text), ..self }
    }

    /// As a tree, with binary in its place.
    ///
    /// # Errors
    /// When the text is no JSON.
    pub fn tree(&self) -> Result<Value, CodecError> {
        let mut tree = serde_json::from_str(&self.text).map_err(|error| CodecError::Json(error.to_string()))?;
        if !self.attachments.is_empty() {
            self.fill(&mut tree);
        }
        Ok(tree)
    }

    /// Of a tree.
    #[must_use]
    pub fn of(mut tree: Value) -> Self {
        let mut attachments = VecDeque::new();
        empty(&mut tree, &mut attachments);
        let text = serde_json::to_string(&tree).unwrap_or_else(|_| "null".to_owned());
        Self { text, attachments }
    }

    fn fill(&self, tree: &mut Value) {
        if let Some(bytes) = placeholder(tree).and_then(|number| self.attachments.get(number)) {
            *tree = Value::Binary(bytes.to_vec());
            return;
        }
        match tree {
            Value::Array(list) => list.iter_mut().for_each(|value| self.fill(value)),
            Value::Map(map) => map.iter_mut().for_each(|(_, value)| self.fill(value)),
            _ => {}
        }
    }
}

fn placeholder(tree: &Value) -> Option<usize> {
    let Value::Map(map) = tree else { return None };
    let get = |name: &str| map.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value);
    get("_placeholder")?.as_bool().filter(|is_one| *is_one)?;
    get("num")?.as_u64().and_then(|number| usize::try_from(number).ok())
}

/// Leaves what JSON can say.
fn empty(tree: &mut Value, attachments: &mut VecDeque<Bytes>) {
    match tree {
        Value::Binary(bytes) => {
            let number = attachments.len() as u64;
            attachments.push_back(std::mem::take(bytes).into());
            *tree = Value::Map(vec![("_placeholder".into(), true.into()), ("num".into(), number.into())]);
        }
        Value::Array(list) => list.iter_mut().for_each(|value| empty(value, attachments)),
        Value::Map(map) => {
            for (key, value) in map {
                if !key.is_str() {
                    *key = key.to_string().into();
                }
                empty(value, attachments);
            }
        }
        // A text that is not UTF-8.
        Value::String(text) if !text.is_str() => *tree = String::from_utf8_lossy(text.as_bytes()).into_owned().into(),
        Value::Ext(kind, bytes) => *tree = time(*kind, bytes).map_or(Value::Nil, Value::from),
        Value::F32(number) if !number.is_finite() => *tree = Value::Nil,
        Value::F64(number) if !number.is_finite() => *tree = Value::Nil,
        _ => {}
    }
}

/// A `Date` of JavaScript, which JSON writes as text. Seconds, or nanoseconds in 30 bits and seconds in 34, or 32 and 64.
fn time(kind: i8, bytes: &[u8]) -> Option<String> {
    if kind != -1 {
        return None;
    }
    let (seconds, nanos) = match bytes.len() {
        4 => (u64::from(u32::from_be_bytes(bytes.try_into().ok()?)), 0),
        8 => {
            let both = u64::from_be_bytes(bytes.try_into().ok()?);
            (both & 0x3_ffff_ffff, u32::try_from(both >> 34).ok()?)
        }
        12 => {
            let seconds = u64::from_be_bytes(bytes[4..].try_into().ok()?);
            (seconds, u32::from_be_bytes(bytes[..4].try_into().ok()?))
        }
        _ => return None,
    };
    // Nobody means a year of five digits.
    let is_near = seconds < 253_402_300_800 && nanos < 1_000_000_000;
    is_near.then(|| written(seconds, nanos / 1_000_000))
}

/// Civil date of days since 1970, after Howard Hinnant's `civil_from_days`.
fn written(seconds: u64, millis: u32) -> String {
    let (days, rest) = (seconds / 86400 + 719_468, seconds % 86400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year + era * 400 + carry;
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_as_javascript_writes_them_in_json() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000, "2023-11-14T22:13:20.000Z"),
        ] {
            assert_eq!(time(-1, &u32::to_be_bytes(seconds)).as_deref(), Some(text));
        }
        assert_eq!(time(-1, &((5_000_000_u64 << 34) | 1).to_be_bytes()).as_deref(), Some("1970-01-01T00:00:01.005Z"));
        assert_eq!(time(7, &[0; 4]), None);
    }

    #[test]
    fn binary_stands_beside_the_text_and_goes_back_to_its_place() {
        let tree = Value::Array(vec![
            "event".into(),
            Value::Map(vec![("file".into(), Value::Binary(vec![1, 2]))]),
            Value::Binary(vec![3]),
        ]);
        let payload = Payload::of(tree.clone());
        assert_eq!(payload.text, r#"["event",{"file":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]"#);
        assert_eq!(payload.tree(), Ok(tree));
    }
}
