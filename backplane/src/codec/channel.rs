//! Messages in channels: MessagePack as a whole.

use rmpv::Value;

use super::{
    CodecError, Message,
    parts::{self, get, map, text},
};

/// Writes a message.
///
/// # Errors
/// When a payload is no JSON.
pub fn encode(message: &Message) -> Result<Vec<u8>, CodecError> {
    let mut entries = vec![("type", message.body.kind().into())];
    if let Some(data) = parts::encode(&message.body, &message.nsp)? {
        entries.push(("data", data));
    }
    entries.extend([("uid", message.uid.as_str().into()), ("nsp", message.nsp.as_str().into())]);
    Ok(pack(&map(entries)))
}

/// Reads a message.
///
/// # Errors
/// When it is none.
pub fn decode(bytes: &[u8]) -> Result<Message, CodecError> {
    let tree = unpack(bytes)?;
    let kind = get(&tree, "type").and_then(Value::as_u64).ok_or(CodecError::Field("type"))?;
    let data = get(&tree, "data").unwrap_or(&Value::Nil);
    Ok(Message { uid: text(&tree, "uid")?, nsp: text(&tree, "nsp")?, body: parts::decode(kind, data)? })
}

pub(super) fn pack(tree: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, tree).expect("a Vec takes any bytes");
    bytes
}

pub(super) fn unpack(mut bytes: &[u8]) -> Result<Value, CodecError> {
    rmpv::decode::read_value(&mut bytes).map_err(|error| CodecError::MessagePack(error.to_string()))
}
