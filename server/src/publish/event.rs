//! An event as programs write it, in JSON. Every problem names its field.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use socketioxide_core::Value;

use super::{
    NAMESPACE,
    refusal::{Reason, Refusal},
};
use crate::sockets;

const FIELDS: [&str; 8] = ["event", "data", "args", "binary", "rooms", "except", "namespace", "id"];
const LONGEST_NAME: usize = 128;
const LONGEST_ID: usize = 128;
const MOST_ROOMS: usize = 100;

/// An event that a program publishes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    /// Name and arguments, encoded.
    pub(super) data: Value,
    /// Rooms that get it; everybody where there is none.
    pub(super) rooms: Vec<String>,
    /// Rooms that do not.
    pub(super) except: Vec<String>,
    pub(super) namespace: String,
    /// Under the same id it is taken once.
    pub(super) id: Option<String>,
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

impl Event {
    /// Reads one; `at` is where it stands, e.g. `[3].`.
    pub(super) fn read(json: &str, at: &str) -> Result<Self, Refusal> {
        Self::read_fields(json).map_err(|refusal| refusal.within(at))
    }

    fn read_fields(json: &str) -> Result<Self, Refusal> {
        let fields: Fields<'_> = serde_json::from_str(json).map_err(|error| {
            // Where it is no object, the library says that it expected a map.
            let message = error.to_string().replace("expected a map", "expected an object");
            Refusal::new(Reason::Malformed, format!("an event is a JSON object: {message}"))
        })?;
        if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(Refusal::field(unknown, format!("is unknown; there are {}", FIELDS.join(", "))));
        }
        let name = name(&fields)?;
        let (arguments, attachment) = arguments(&fields)?;
        let name = serde_json::to_string(&name).expect("a string is JSON");
        let text = [name].into_iter().chain(arguments).collect::<Vec<_>>().join(",");
        let data = Value::Str(format!("[{text}]").into(), attachment.map(|bytes| [bytes].into_iter().collect()));
        Ok(Self {
            data,
            rooms: rooms(&fields, "rooms")?.unwrap_or_default(),
            except: rooms(&fields, "except")?.unwrap_or_default(),
            namespace: namespace(&fields)?,
            id: text_of(&fields, "id", LONGEST_ID)?,
        })
    }
}

fn name(fields: &Fields<'_>) -> Result<String, Refusal> {
    let missing = || Refusal::field("event", "is required: the name of the event, e.g. \"message\"");
    let name = text_of(fields, "event", LONGEST_NAME)?.ok_or_else(missing)?;
    match sockets::is_reserved(&name) {
        true => Err(Refusal::field("event", format!("{name:?} is reserved; choose another name"))),
        false => Ok(name),
    }
}

/// The arguments as JSON, and what stands beside it.
fn arguments(fields: &Fields<'_>) -> Result<(Vec<String>, Option<Bytes>), Refusal> {
    let given: Vec<_> = ["data", "args", "binary"].into_iter().filter(|name| fields.contains_key(*name)).collect();
    if let [_, second, ..] = given.as_slice() {
        return Err(Refusal::field(*second, format!("only one of {} may be there", given.join(", "))));
    }
    if let Some(data) = fields.get("data") {
        return Ok((vec![data.get().to_owned()], None));
    }
    if let Some(args) = fields.get("args") {
        let args: Vec<&RawValue> = read(args).ok_or_else(|| Refusal::field("args", "has to be a list"))?;
        return Ok((args.into_iter().map(|arg| arg.get().to_owned()).collect(), None));
    }
    let Some(text) = text_of(fields, "binary", usize::MAX)? else { return Ok((Vec::new(), None)) };
    let bytes = BASE64_STANDARD.decode(&text);
    let bytes = bytes.map_err(|error| Refusal::field("binary", format!("has to be base64: {error}")))?;
    Ok((vec![r#"{"_placeholder":true,"num":0}"#.to_owned()], Some(bytes.into())))
}

fn rooms(fields: &Fields<'_>, name: &'static str) -> Result<Option<Vec<String>>, Refusal> {
    let Some(value) = present(fields, name) else { return Ok(None) };
    let rooms: Vec<&RawValue> = read(value).ok_or_else(|| Refusal::field(name, "has to be a list of rooms"))?;
    if rooms.is_empty() && name == "rooms" {
        // Somebody meant a few, and would reach everybody.
        return Err(Refusal::field(name, "is empty: leave it out to reach everybody"));
    }
    if rooms.len() > MOST_ROOMS {
        return Err(Refusal::field(name, format!("has {} rooms; {MOST_ROOMS} are the most", rooms.len())));
    }
    let room = |(index, value): (usize, &RawValue)| {
        let room: String =
            read(value).ok_or_else(|| Refusal::field(format!("{name}[{index}]"), "has to be a string"))?;
        match room.chars().count() {
            0 => Err(Refusal::field(format!("{name}[{index}]"), "is empty")),
            length if length > LONGEST_NAME => {
                let message = format!("has {length} characters; {LONGEST_NAME} are the most");
                Err(Refusal::field(format!("{name}[{index}]"), message))
            }
            _ => Ok(room),
        }
    };
    rooms.into_iter().enumerate().map(room).collect::<Result<_, _>>().map(Some)
}

fn namespace(fields: &Fields<'_>) -> Result<String, Refusal> {
    let namespace = text_of(fields, "namespace", LONGEST_NAME)?.unwrap_or_else(|| NAMESPACE.to_owned());
    match namespace.starts_with('/') {
        true => Ok(namespace),
        false => Err(Refusal::field("namespace", "has to begin with a slash")),
    }
}

/// A text that is not empty.
fn text_of(fields: &Fields<'_>, name: &'static str, longest: usize) -> Result<Option<String>, Refusal> {
    let Some(value) = present(fields, name) else { return Ok(None) };
    let text: String = read(value).ok_or_else(|| Refusal::field(name, "has to be a string"))?;
    match text.chars().count() {
        0 => Err(Refusal::field(name, "is empty")),
        length if length > longest => {
            Err(Refusal::field(name, format!("has {length} characters; {longest} are the most")))
        }
        _ => Ok(Some(text)),
    }
}

/// `null` is nothing, but as data.
fn present<'a>(fields: &Fields<'a>, name: &str) -> Option<&'a RawValue> {
    fields.get(name).copied().filter(|value| value.get() != "null")
}

fn read<'a, T: Deserialize<'a>>(value: &'a RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> String {
        match Event::read(json, "").expect("an event").data {
            Value::Str(text, None) => text.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn data_goes_out_as_it_came_in() {
        assert_eq!(
            text(r#"{"event":"a","data":{"z":1.10,"a":12345678901234567890123}}"#),
            r#"["a",{"z":1.10,"a":12345678901234567890123}]"#
        );
        assert_eq!(text(r#"{"event":"a","data":null}"#), r#"["a",null]"#);
        assert_eq!(text(r#"{"event":"a \" b","args":[1,"two",[3]]}"#), r#"["a \" b",1,"two",[3]]"#);
        assert_eq!(text(r#"{"event":"a"}"#), r#"["a"]"#);
    }

    #[test]
    fn binary_stands_beside_the_text() {
        let event = Event::read(r#"{"event":"a","binary":"AAH/"}"#, "").expect("an event");
        let Value::Str(text, Some(attachments)) = event.data else { panic!("no binary") };
        assert_eq!((text.as_str(), &*attachments[0]), (r#"["a",{"_placeholder":true,"num":0}]"#, &[0, 1, 255][..]));
    }

    #[test]
    fn problems_name_their_field() {
        for (json, field) in [
            (r#"{"data":1}"#, "event"),
            (r#"{"event":7}"#, "event"),
            (r#"{"event":""}"#, "event"),
            (r#"{"event":"connect"}"#, "event"),
            (r#"{"event":"realtime:gap"}"#, "event"),
            (r#"{"event":"a","room":"b"}"#, "room"),
            (r#"{"event":"a","rooms":"b"}"#, "rooms"),
            (r#"{"event":"a","rooms":[]}"#, "rooms"),
            (r#"{"event":"a","rooms":["b",7]}"#, "rooms[1]"),
            (r#"{"event":"a","rooms":["b",""]}"#, "rooms[1]"),
            (r#"{"event":"a","except":{"b":1}}"#, "except"),
            (r#"{"event":"a","data":1,"binary":"AA=="}"#, "binary"),
            (r#"{"event":"a","binary":"?"}"#, "binary"),
            (r#"{"event":"a","args":1}"#, "args"),
            (r#"{"event":"a","namespace":"admin"}"#, "namespace"),
            (r#"{"event":"a","id":7}"#, "id"),
        ] {
            let refusal = Event::read(json, "").expect_err(json);
            assert_eq!((refusal.reason, refusal.field.as_deref()), (Reason::BadField, Some(field)), "{json}");
        }
        let refusal = Event::read(r#"{"event":7}"#, "[3].").expect_err("no text");
        assert_eq!(refusal.field.as_deref(), Some("[3].event"));
        for json in ["", "7", "[", "{\"event\":", "{\"event\":\"a\",\"data\":\"\u{1e}\"}"] {
            assert_eq!(Event::read(json, "").expect_err(json).reason, Reason::Malformed, "{json}");
        }
    }
}
