//! What is published, on its way to those who are connected here.

use std::sync::Arc;

use socketioxide_core::{
    Value,
    adapter::{BroadcastFlags, BroadcastOptions, Room},
    packet::{Packet, PacketData, Sid},
};

use super::{Inner, Members, Stage};
use crate::{
    line::{Line, Message},
    recovery::{
        adapter::{NAMESPACE, Outcome, Recording},
        gap::{GAP_EVENT, Gap},
        log::{Deliver, Entry, Flush},
        offset::Offset,
    },
};

impl Deliver for Members {
    fn begin(&self, end: Offset) {
        self.lock().delivered = end;
    }

    fn deliver(&self, offset: Offset, entry: &Arc<Entry>) -> Flush {
        // First, so that it is dropped behind the lock whatever happens.
        let mut flush = Flush::default();
        let mut inner = self.lock();
        inner.delivered = offset;
        let Some(adapter) = self.adapter() else { return flush };
        let (plain, mut marked) = (Copies::of(plain(entry)), None);
        for sid in inner.targets(&adapter, &entry.rooms, &entry.except) {
            let Some(member) = inner.by_sid.get_mut(&sid) else {
                if !self.is_complete && entry.sender != Some(sid) {
                    adapter.send(sid, None, plain.packet.clone());
                }
                continue;
            };
            // One that came from a replica that is ahead of this one has it.
            let has_it = member.state.position >= offset;
            if member.stage != Stage::Live || has_it || entry.sender == Some(member.state.id) {
                continue;
            }
            let copies = match member.pid {
                Some(_) => marked.get_or_insert_with(|| Copies::of(with_offset(entry, offset))),
                None => &plain,
            };
            match copies.send(&adapter, sid, member.line.as_ref(), &mut flush) {
                // The engine closes a session's channel a moment before it says that the session ended: what was sent and
                // not acknowledged by then is sent again.
                Outcome::Sent | Outcome::Closed => member.state.sent.push(offset),
                Outcome::Full => {
                    member.stage = Stage::Fed;
                    member.state.position = offset.before();
                    self.lagging.send(sid).ok();
                }
            }
        }
        flush
    }

    fn deliver_apart(&self, entry: &Entry) -> Flush {
        let mut flush = Flush::default();
        let Some(adapter) = self.adapter() else { return flush };
        let inner = self.lock();
        let copies = Copies::of(plain(entry));
        for sid in inner.targets(&adapter, &entry.rooms, &entry.except) {
            let member = inner.by_sid.get(&sid);
            let is_meant = match member {
                Some(member) => member.stage == Stage::Live && entry.sender != Some(member.state.id),
                None => entry.sender != Some(sid),
            };
            if is_meant {
                copies.send(&adapter, sid, member.and_then(|member| member.line.as_ref()), &mut flush);
            }
        }
        flush
    }
}

/// An event that many clients are sent.
struct Copies {
    /// For the engine.
    packet: Packet,
    /// For the wire, where it is one text.
    message: Option<Message>,
}

impl Copies {
    fn of(packet: Packet) -> Self {
        let message = match &packet.inner {
            PacketData::Event(Value::Str(data, None), None) if packet.ns.as_str() == NAMESPACE => {
                Some(Message::event(data))
            }
            _ => None,
        };
        Self { packet, message }
    }

    /// To the wire if it can take it at once and nothing is under way to the client, or else to the engine.
    fn send(&self, adapter: &Recording, sid: Sid, line: Option<&Arc<Line>>, flush: &mut Flush) -> Outcome {
        match (&self.message, line) {
            (Some(message), Some(line)) if line.send(message) => {
                flush.add(line);
                Outcome::Sent
            }
            _ => adapter.send(sid, line.map(Arc::as_ref), self.packet.clone()),
        }
    }
}

impl Members {
    /// Sends what is not worth keeping to those who take it at once.
    pub(in crate::recovery) fn send_volatile(&self, entry: &Entry) -> Flush {
        self.deliver_apart(entry)
    }

    /// Tells everybody that something was lost.
    pub(in crate::recovery) fn tell_loss(&self) {
        let Some(adapter) = self.adapter() else { return };
        let told = serde_json::json!([GAP_EVENT, Gap::LogLost.told()]).to_string();
        let packet = Packet::event("/", Value::Str(told.into(), None));
        let mut options = BroadcastOptions::default();
        options.add_flag(BroadcastFlags::Broadcast);
        for sid in adapter.targets(options) {
            self.send(sid, packet.clone());
        }
    }
}

impl Inner {
    /// Those who are meant. To other servers each client is in a room of its own id.
    pub(super) fn targets(&self, adapter: &Recording, rooms: &[Room], except: &[Room]) -> Vec<Sid> {
        let mut options = BroadcastOptions::default();
        options.rooms.extend(rooms.iter().cloned());
        options.except.extend(except.iter().cloned());
        options.add_flag(BroadcastFlags::Broadcast);
        let mut targets = adapter.targets(options);
        for sid in rooms.iter().filter_map(|room| self.named(room)) {
            let is_excepted = || except.iter().any(|room| adapter.is_in(sid, room));
            if !targets.contains(&sid) && !is_excepted() {
                targets.push(sid);
            }
        }
        let not: Vec<_> = except.iter().filter_map(|room| self.named(room)).collect();
        targets.retain(|sid| !not.contains(sid));
        targets
    }

    /// The client whose id this is.
    fn named(&self, room: &str) -> Option<Sid> {
        let id: Sid = room.parse().ok()?;
        self.by_id.get(&id).copied().or_else(|| self.by_id.is_empty().then_some(id))
    }
}

pub(super) fn plain(entry: &Entry) -> Packet {
    Packet::event(entry.namespace.clone(), entry.data.clone())
}

/// The event with one argument more, where clients of version 4 look for the offset.
pub(super) fn with_offset(entry: &Entry, offset: Offset) -> Packet {
    let data = match &entry.data {
        Value::Str(text, attachments) => {
            let open = text.strip_suffix(']').unwrap_or(text);
            Value::Str(format!("{open},\"{offset}\"]").into(), attachments.clone())
        }
        Value::Bytes(bytes) => Value::Bytes(bytes.clone()),
    };
    Packet::event(entry.namespace.clone(), data)
}
