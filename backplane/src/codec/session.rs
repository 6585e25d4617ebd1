//! Sessions of clients that are away: MessagePack in base64, with the fields of Node's and one of our own.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rmpv::Value;

use super::{
    CodecError,
    channel::{pack, unpack},
    parts::{get, map, text},
};

/// A session as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The client's id.
    pub sid: String,
    /// Its secret name.
    pub pid: String,
    /// The rooms that it is in; the one of its own id is among them.
    pub rooms: Vec<String>,
    /// What servers of ours need besides: JSON. None where a server of Node stored it.
    pub ours: Option<String>,
}

/// Writes a session.
#[must_use]
pub fn encode(session: &Session) -> String {
    let rooms = Value::Array(session.rooms.iter().map(|room| room.as_str().into()).collect());
    let mut entries = vec![
        ("sid", session.sid.as_str().into()),
        ("pid", session.pid.as_str().into()),
        ("rooms", rooms),
        ("data", Value::Map(Vec::new())),
    ];
    if let Some(ours) = &session.ours {
        entries.push(("realtime", ours.as_str().into()));
    }
    BASE64_STANDARD.encode(pack(&map(entries)))
}

/// Reads a session.
///
/// # Errors
/// When it is none.
pub fn decode(stored: &str) -> Result<Session, CodecError> {
    let bytes = BASE64_STANDARD.decode(stored).map_err(|error| CodecError::MessagePack(error.to_string()))?;
    let tree = unpack(&bytes)?;
    let rooms = get(&tree, "rooms").and_then(Value::as_array).ok_or(CodecError::Field("rooms"))?;
    Ok(Session {
        sid: text(&tree, "sid")?,
        pid: text(&tree, "pid")?,
        rooms: rooms.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        ours: text(&tree, "realtime").ok(),
    })
}
