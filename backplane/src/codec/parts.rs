//! A message as a tree, the same in stream entries with binary and in channels.

use rmpv::Value;

use super::{Body, CodecError, Filter, Payload};

/// Event, in Socket.IO's protocol.
const EVENT: u8 = 2;

pub(super) fn map(entries: Vec<(&str, Value)>) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

pub(super) fn get<'v>(value: &'v Value, name: &'static str) -> Option<&'v Value> {
    let found = value.as_map()?.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value);
    found.filter(|value| !value.is_nil())
}

pub(super) fn text(value: &Value, name: &'static str) -> Result<String, CodecError> {
    get(value, name).and_then(Value::as_str).map(str::to_owned).ok_or(CodecError::Field(name))
}

/// The `data` of a message; none where it has none.
pub(super) fn encode(body: &Body, nsp: &str) -> Result<Option<Value>, CodecError> {
    Ok(Some(match body {
        Body::Hello | Body::Heartbeat | Body::Goodbye => return Ok(None),
        Body::Broadcast { packet, filter, request } => {
            let packet = map(vec![("type", EVENT.into()), ("data", packet.tree()?), ("nsp", nsp.into())]);
            with_request(vec![("packet", packet), ("opts", options(filter))], request.as_ref())
        }
        Body::Join { filter, rooms } | Body::Leave { filter, rooms } => {
            map(vec![("opts", options(filter)), ("rooms", list(rooms))])
        }
        Body::Disconnect { filter, close } => map(vec![("opts", options(filter)), ("close", (*close).into())]),
        Body::FetchSockets { filter, request } => with_request(vec![("opts", options(filter))], Some(request)),
        Body::Sockets { request, sockets } => with_request(vec![("sockets", sockets.tree()?)], Some(request)),
        Body::ServerSide { packet, request } => with_request(vec![("packet", packet.tree()?)], request.as_ref()),
        Body::ServerSideAnswer { request, packet } | Body::Acknowledged { request, packet } => {
            with_request(vec![("packet", packet.tree()?)], Some(request))
        }
        Body::ClientCount { request, count } => with_request(vec![("clientCount", (*count).into())], Some(request)),
    }))
}

pub(super) fn decode(kind: u64, data: &Value) -> Result<Body, CodecError> {
    let request = || text(data, "requestId");
    let optional = || get(data, "requestId").and_then(Value::as_str).map(str::to_owned);
    let packet = || get(data, "packet").cloned().unwrap_or(Value::Nil);
    Ok(match kind {
        1 => Body::Hello,
        2 => Body::Heartbeat,
        3 => {
            let event = get(data, "packet").and_then(|packet| get(packet, "data"));
            let event = event.filter(|event| event.is_array()).ok_or(CodecError::Field("packet.data"))?;
            Body::Broadcast { packet: Payload::of(event.clone()), filter: filter(data)?, request: optional() }
        }
        4 => Body::Join { filter: filter(data)?, rooms: rooms(data, "rooms")? },
        5 => Body::Leave { filter: filter(data)?, rooms: rooms(data, "rooms")? },
        6 => {
            let close = get(data, "close").and_then(Value::as_bool).unwrap_or_default();
            Body::Disconnect { filter: filter(data)?, close }
        }
        7 => Body::FetchSockets { filter: filter(data)?, request: request()? },
        8 => {
            let sockets = get(data, "sockets").cloned().ok_or(CodecError::Field("sockets"))?;
            Body::Sockets { request: request()?, sockets: Payload::of(sockets) }
        }
        9 => Body::ServerSide { packet: Payload::of(packet()), request: optional() },
        10 => Body::ServerSideAnswer { request: request()?, packet: Payload::of(packet()) },
        11 => {
            let count = get(data, "clientCount").and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok());
            Body::ClientCount { request: request()?, count: count.ok_or(CodecError::Field("clientCount"))? }
        }
        12 => Body::Acknowledged { request: request()?, packet: Payload::of(packet()) },
        13 => Body::Goodbye,
        other => return Err(CodecError::Kind(other.to_string())),
    })
}

fn with_request(mut entries: Vec<(&str, Value)>, request: Option<&String>) -> Value {
    if let Some(request) = request {
        entries.push(("requestId", request.as_str().into()));
    }
    map(entries)
}

fn list(rooms: &[String]) -> Value {
    Value::Array(rooms.iter().map(|room| room.as_str().into()).collect())
}

fn options(filter: &Filter) -> Value {
    let mut flags = Vec::new();
    if filter.is_volatile {
        flags.push(("volatile", true.into()));
    }
    if let Some(timeout) = filter.timeout {
        flags.push(("timeout", timeout.into()));
    }
    map(vec![("rooms", list(&filter.rooms)), ("except", list(&filter.except)), ("flags", map(flags))])
}

fn filter(data: &Value) -> Result<Filter, CodecError> {
    let options = get(data, "opts").ok_or(CodecError::Field("opts"))?;
    let flag = |name| get(options, "flags").and_then(|flags| get(flags, name));
    Ok(Filter {
        rooms: rooms(options, "rooms")?,
        except: rooms(options, "except")?,
        is_volatile: flag("volatile").and_then(Value::as_bool).unwrap_or_default(),
        timeout: flag("timeout").and_then(Value::as_u64),
    })
}

/// Rooms of Node may be numbers. One that cannot be read is a room that nobody is in: without it the message would be for all.
fn rooms(data: &Value, name: &'static str) -> Result<Vec<String>, CodecError> {
    let list = get(data, name).and_then(Value::as_array).ok_or(CodecError::Field(name))?;
    Ok(list.iter().map(|room| room.as_str().map_or_else(|| room.to_string(), str::to_owned)).collect())
}
