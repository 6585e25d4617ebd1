//! Messages in the stream: `uid`, `nsp`, `type` and `data`, which is JSON or, where there is binary, MessagePack in base64.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rmpv::Value;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Body, CodecError, Filter, Message, Payload,
    channel::{pack, unpack},
    parts,
};

/// Event, in Socket.IO's protocol.
const EVENT: u8 = 2;

/// Fields of a stream entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// The server that sent it.
    pub uid: String,
    /// Its namespace.
    pub nsp: String,
    /// The number of its type.
    pub kind: String,
    /// What it says.
    pub data: Option<String>,
    /// Number of the entry among those of its sender. Our own; servers of Node neither write nor read it.
    pub number: Option<u64>,
    /// The client that published it, and the client's own name for it. Our own, too.
    pub publication: Option<String>,
}

/// The most frequent message without a detour through a tree.
#[derive(Serialize, Deserialize)]
struct Broadcast<'d> {
    #[serde(borrow)]
    packet: Packet<'d>,
    opts: Options,
    #[serde(rename = "requestId", default, skip_serializing_if = "Option::is_none")]
    request: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Packet<'d> {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(borrow)]
    data: &'d RawValue,
    #[serde(default)]
    nsp: String,
}

#[derive(Serialize, Deserialize)]
struct Options {
    rooms: Vec<String>,
    except: Vec<String>,
    #[serde(default)]
    flags: Flags,
}

#[derive(Default, Serialize, Deserialize)]
struct Flags {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    volatile: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
}

/// Writes a message.
///
/// # Errors
/// When a payload is no JSON.
pub fn encode(message: &Message) -> Result<Fields, CodecError> {
    Ok(Fields {
        uid: message.uid.clone(),
        nsp: message.nsp.clone(),
        kind: message.body.kind().to_string(),
        data: data(message)?,
        number: None,
        publication: None,
    })
}

fn data(message: &Message) -> Result<Option<String>, CodecError> {
    let json = |error: serde_json::Error| CodecError::Json(error.to_string());
    let has_binary = match &message.body {
        Body::Broadcast { packet, filter, request } if packet.attachments.is_empty() => {
            let data: &RawValue = serde_json::from_str(&packet.text).map_err(json)?;
            let flags = Flags { volatile: filter.is_volatile, timeout: filter.timeout };
            let opts = Options { rooms: filter.rooms.clone(), except: filter.except.clone(), flags };
            let packet = Packet { kind: EVENT, data, nsp: message.nsp.clone() };
            return serde_json::to_string(&Broadcast { packet, opts, request: request.clone() })
                .map(Some)
                .map_err(json);
        }
        Body::Broadcast { packet, .. }
        | Body::ServerSide { packet, .. }
        | Body::ServerSideAnswer { packet, .. }
        | Body::Acknowledged { packet, .. } => !packet.attachments.is_empty(),
        Body::Sockets { sockets, .. } => !sockets.attachments.is_empty(),
        Body::Hello
        | Body::Heartbeat
        | Body::Join { .. }
        | Body::Leave { .. }
        | Body::Disconnect { .. }
        | Body::FetchSockets { .. }
        | Body::ClientCount { .. }
        | Body::Goodbye => false,
    };
    let Some(tree) = parts::encode(&message.body, &message.nsp)? else { return Ok(None) };
    if has_binary {
        return Ok(Some(BASE64_STANDARD.encode(pack(&tree))));
    }
    serde_json::to_string(&tree).map(Some).map_err(json)
}

/// Reads a message.
///
/// # Errors
/// When it is none.
pub fn decode(fields: &Fields) -> Result<Message, CodecError> {
    let kind: u64 = fields.kind.parse().map_err(|_| CodecError::Kind(fields.kind.clone()))?;
    let data = fields.data.as_deref().unwrap_or_default();
    let body = match direct(kind, data) {
        Some(body) => body,
        None => parts::decode(kind, &tree(data)?)?,
    };
    Ok(Message { uid: fields.uid.clone(), nsp: fields.nsp.clone(), body })
}

/// None where it takes the detour: a room that is a number, for example.
fn direct(kind: u64, data: &str) -> Option<Body> {
    let Broadcast { packet, opts, request } = serde_json::from_str(data).ok().filter(|_| kind == 3)?;
    let text = packet.data.get();
    if !text.starts_with('[') {
        return None;
    }
    let Options { rooms, except, flags } = opts;
    let filter = Filter { rooms, except, is_volatile: flags.volatile, timeout: flags.timeout };
    Some(Body::Broadcast { packet: Payload::text(text), filter, request })
}

fn tree(data: &str) -> Result<Value, CodecError> {
    if data.is_empty() {
        return Ok(Value::Nil);
    }
    if data.starts_with('{') {
        return serde_json::from_str(data).map_err(|error| CodecError::Json(error.to_string()));
    }
    unpack(&BASE64_STANDARD.decode(data).map_err(|error| CodecError::MessagePack(error.to_string()))?)
}
