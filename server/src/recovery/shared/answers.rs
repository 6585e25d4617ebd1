//! What other servers ask, and what this one says.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream::SelectAll};
use realtime_backplane::codec::{Body, Filter, Payload};
use serde_json::json;
use socketioxide_core::{adapter::Room, packet::Packet};

use super::{
    NAMESPACE,
    inbox::Inbox,
    requests::{payload, value},
};
use crate::{
    farewell::Farewell,
    recovery::{
        log::Entry,
        members::Surrender,
        session::{Owner, Pid},
    },
};

/// How often a session that is on its way into Redis is looked for.
const LOOK: Duration = Duration::from_millis(5);
/// How long clients may take to acknowledge where nobody says; the package's default.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn rooms(names: Vec<String>) -> Vec<Room> {
    names.into_iter().map(Room::Owned).collect()
}

/// The event of another server.
pub(super) fn entry(packet: Payload, filter: Filter) -> Entry {
    Entry {
        namespace: NAMESPACE.into(),
        data: value(packet),
        rooms: rooms(filter.rooms),
        except: rooms(filter.except),
        sender: None,
        publication: None,
    }
}

impl Inbox {
    /// Clients join and leave rooms, or are disconnected.
    pub(super) fn steer(&self, body: Body) {
        match body {
            Body::Join { filter, rooms: names } => {
                let Some(adapter) = self.members.adapter() else { return };
                for seen in self.members.seen(&rooms(filter.rooms), &rooms(filter.except)) {
                    for room in rooms(names.clone()) {
                        self.members.join(seen.sid, &room, || adapter.join(seen.sid, room.clone()));
                    }
                }
                self.peers.touch(names);
            }
            Body::Leave { filter, rooms: names } => {
                let Some(adapter) = self.members.adapter() else { return };
                for seen in self.members.seen(&rooms(filter.rooms), &rooms(filter.except)) {
                    for room in rooms(names.clone()) {
                        self.members.leave(seen.sid, &room);
                        adapter.leave(seen.sid, room);
                    }
                }
                self.peers.touch(names);
            }
            Body::Disconnect { filter, close: _ } => {
                let Some(adapter) = self.members.adapter() else { return };
                for seen in self.members.seen(&rooms(filter.rooms), &rooms(filter.except)) {
                    adapter.disconnect(seen.sid);
                }
            }
            Body::Hello
            | Body::Heartbeat
            | Body::Broadcast { .. }
            | Body::FetchSockets { .. }
            | Body::Sockets { .. }
            | Body::ServerSide { .. }
            | Body::ServerSideAnswer { .. }
            | Body::ClientCount { .. }
            | Body::Acknowledged { .. }
            | Body::Goodbye => {}
        }
    }

    /// A question, or an answer to one.
    pub(super) fn take_message(&self, from: String, body: Body) {
        match body {
            Body::Broadcast { packet, filter, request: Some(request) } => self.pass_on(from, packet, filter, request),
            Body::FetchSockets { filter, request } => self.list(&from, filter, request),
            // Nobody here listens; but whoever asks waits for all.
            Body::ServerSide { packet: _, request: Some(request) } => {
                self.requests.answer(&from, Body::ServerSideAnswer { request, packet: Payload::text("null") });
            }
            Body::Sockets { ref request, .. }
            | Body::ServerSideAnswer { ref request, .. }
            | Body::ClientCount { ref request, .. }
            | Body::Acknowledged { ref request, .. } => self.requests.resolve(&request.clone(), body),
            Body::Broadcast { request: None, .. }
            | Body::ServerSide { request: None, .. }
            | Body::Hello
            | Body::Heartbeat
            | Body::Join { .. }
            | Body::Leave { .. }
            | Body::Disconnect { .. }
            | Body::Goodbye => {}
        }
    }

    /// An event that clients are to acknowledge.
    fn pass_on(&self, from: String, packet: Payload, filter: Filter, request: String) {
        let Some(adapter) = self.members.adapter() else { return };
        let timeout = filter.timeout.map_or(PATIENCE, Duration::from_millis);
        let entry = entry(packet, filter);
        let packet = Packet::event(NAMESPACE, entry.data);
        let targets = self.members.seen(&entry.rooms, &entry.except);
        let count = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        self.requests.answer(&from, Body::ClientCount { request: request.clone(), count });
        let acks = targets.iter().map(|seen| adapter.ask(seen.sid, packet.clone(), timeout).boxed());
        let mut acks: SelectAll<_> = acks.collect();
        let requests = Arc::clone(&self.requests);
        tokio::spawn(async move {
            while let Some((_, answer)) = acks.next().await {
                if let Some(payload) = answer.ok().as_ref().and_then(payload) {
                    let packet = payload.first();
                    requests.answer(&from, Body::Acknowledged { request: request.clone(), packet });
                }
            }
        });
    }

    fn list(&self, from: &str, filter: Filter, request: String) {
        let seen = self.members.seen(&rooms(filter.rooms), &rooms(filter.except));
        let sockets = seen.into_iter().map(|seen| {
            let rooms: Vec<_> = [seen.id.as_str()].into_iter().chain(seen.rooms.iter().map(|room| &**room)).collect();
            // What a server of Node expects to find.
            let handshake = json!({
                "headers": {}, "time": "", "address": "", "xdomain": false, "secure": false, "issued": 0, "url": "", "query": {}, "auth": {},
            });
            json!({"id": seen.id, "handshake": handshake, "rooms": rooms, "data": {}})
        });
        let sockets = Payload::text(serde_json::Value::from_iter(sockets).to_string());
        self.requests.answer(from, Body::Sockets { request, sockets });
    }

    /// A client of another replica wants its session, which may be here.
    pub(super) async fn surrender(self: Arc<Self>, from: String, request: u64, pid: Pid, owner: Owner) {
        let mut was_leaving = false;
        let is_stored = loop {
            match self.members.surrender(&pid, &owner) {
                Surrender::Nothing => break was_leaving,
                Surrender::Leaving => {
                    was_leaving = true;
                    tokio::time::sleep(LOOK).await;
                }
                Surrender::Taken(state, sid) => {
                    if let Some(adapter) = self.members.adapter() {
                        adapter.leave_all(sid);
                        adapter.disconnect(sid);
                    }
                    self.connections.cut(sid, Farewell::REPLACED);
                    self.peers.touch(state.rooms.iter().map(|(room, _)| room.to_string()).collect());
                    break self.store(&pid, *state).await;
                }
            }
        };
        self.peers.surrendered(&from, request, is_stored);
    }
}
