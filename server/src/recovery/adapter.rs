//! What the Socket.IO server publishes goes through the log: it comes back from there, to those who are connected, in one order for all.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use futures::{
    StreamExt,
    future::{Either, ready},
    stream::{self, BoxStream, Fuse},
};
use realtime_backplane::codec::Filter;
use socketioxide::{AckError, AdapterError, BroadcastError, SocketError, adapter::Emitter};
use socketioxide_core::{
    Uid, Value,
    adapter::{
        BroadcastFlags, BroadcastOptions, CoreAdapter, CoreLocalAdapter, DefinedAdapter, RemoteSocketData, Room,
        SocketEmitter,
    },
    packet::{Packet, PacketData, Sid},
};

use super::{
    Recovery,
    log::Entry,
    shared::{Fault, Requests, payload},
};
use crate::line::Line;

tokio::task_local! {
    /// What a client calls that which is being published; the library has no place for it.
    pub(super) static PUBLICATION: String;
}

/// The only namespace that the server has.
pub(super) const NAMESPACE: &str = "/";

/// A namespace of the Socket.IO server.
pub struct Recording {
    local: CoreLocalAdapter<Emitter>,
    recovery: Arc<Recovery>,
}

/// Acknowledgements of clients here and elsewhere.
type Acks = Fuse<BoxStream<'static, (Sid, Result<Value, AckError>)>>;

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording").field("namespace", &self.local.path()).finish_non_exhaustive()
    }
}

/// What became of a packet for one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in the client's buffer.
    Sent,
    /// The buffer is full.
    Full,
    /// The connection has ended.
    Closed,
}

impl Recording {
    /// The clients that are meant, connected here.
    pub(super) fn targets(&self, options: BroadcastOptions) -> Vec<Sid> {
        self.local.sockets(options)
    }

    /// Sends an event to one client, who has this line. The library says how many of several clients missed a packet, but not which.
    pub(super) fn send(&self, sid: Sid, line: Option<&Line>, packet: Packet) -> Outcome {
        match Line::give(line, || self.local.broadcast(packet, BroadcastOptions::new(sid))) {
            Ok(()) => Outcome::Sent,
            Err(errors) => match errors.first() {
                Some(SocketError::InternalChannelFull) => Outcome::Full,
                Some(SocketError::Closed) | None => Outcome::Closed,
            },
        }
    }

    /// The library is about to send an event to some. One who does not get it after all is sent everything through the engine from
    /// then on.
    fn gives(&self, options: &BroadcastOptions) {
        if self.recovery.is_on() {
            self.targets(options.clone()).into_iter().for_each(|sid| self.recovery.members.gives(sid));
        }
    }

    /// A client joins a room.
    pub(super) fn join(&self, sid: Sid, room: Room) {
        self.local.add_all(sid, room);
    }

    /// A client leaves a room.
    pub(super) fn leave(&self, sid: Sid, room: Room) {
        self.local.del(sid, room);
    }

    /// A client is in no room any more.
    pub(super) fn leave_all(&self, sid: Sid) {
        self.local.del_all(sid);
    }

    /// A client has to go.
    pub(super) fn disconnect(&self, sid: Sid) {
        self.local.disconnect_socket(BroadcastOptions::new(sid)).ok();
    }

    /// Whether a client is in a room.
    pub(super) fn is_in(&self, sid: Sid, room: &Room) -> bool {
        self.local.socket_rooms(sid).contains(room)
    }

    /// The rooms that a client is in.
    pub(super) fn rooms_of(&self, sid: Sid) -> Vec<Room> {
        self.local.socket_rooms(sid).into_iter().collect()
    }

    /// Sends what one client is to acknowledge.
    pub(super) fn ask(&self, sid: Sid, packet: Packet, timeout: Duration) -> <Emitter as SocketEmitter>::AckStream {
        let options = BroadcastOptions::new(sid);
        self.gives(&options);
        self.local.broadcast_with_ack(packet, options, Some(timeout)).0
    }

    /// Who else is meant: those on other servers, if there are any and they are.
    fn elsewhere(&self, options: &BroadcastOptions) -> Option<(Arc<Requests>, Filter)> {
        let requests = &self.recovery.shared()?.requests;
        let is_for_all = options.has_flag(BroadcastFlags::Broadcast);
        let is_for_one = options.rooms.is_empty() && !is_for_all;
        if options.has_flag(BroadcastFlags::Local) || self.local.path().as_str() != NAMESPACE {
            return None;
        }
        let sender = options.sid.map(|sid| self.recovery.id(sid).to_string());
        if is_for_one {
            let is_elsewhere = options.server_id.is_some_and(|server| server != self.local.server_id());
            let rooms = sender.into_iter().collect();
            return is_elsewhere.then(|| (Arc::clone(requests), Filter { rooms, ..Filter::default() }));
        }
        let names = |rooms: &[Room]| rooms.iter().map(|room| room.to_string()).collect::<Vec<_>>();
        let mut except = names(&options.except);
        except.extend(sender.filter(|_| is_for_all));
        let filter = Filter { rooms: names(&options.rooms), except, ..Filter::default() };
        Some((Arc::clone(requests), filter))
    }

    /// What is to be logged, if it is: an event for several clients that may not be dropped.
    fn entry(&self, packet: &Packet, options: &BroadcastOptions) -> Option<Entry> {
        let (PacketData::Event(data, None) | PacketData::BinaryEvent(data, None)) = &packet.inner else { return None };
        let is_for_all = options.has_flag(BroadcastFlags::Broadcast);
        let is_local = options.has_flag(BroadcastFlags::Local);
        if self.local.path().as_str() != NAMESPACE || (options.rooms.is_empty() && !is_for_all) || is_local {
            return None;
        }
        Some(Entry {
            namespace: packet.ns.clone(),
            data: data.clone(),
            rooms: options.rooms.to_vec(),
            except: options.except.to_vec(),
            sender: options.sid.filter(|_| is_for_all).map(|sid| self.recovery.id(sid)),
            publication: PUBLICATION.try_with(Clone::clone).ok(),
        })
    }
}

impl CoreAdapter<Emitter> for Recording {
    type Error = Fault;
    type State = Arc<Recovery>;
    type AckStream = Acks;
    type InitRes = ();

    fn new(state: &Self::State, local: CoreLocalAdapter<Emitter>) -> Self {
        Self { local, recovery: Arc::clone(state) }
    }

    fn init(self: Arc<Self>, on_success: impl FnOnce() + Send + 'static) {
        if self.local.path().as_str() == NAMESPACE {
            self.recovery.attach(&self);
        }
        on_success();
    }

    fn broadcast(
        &self,
        packet: Packet,
        options: BroadcastOptions,
    ) -> impl Future<Output = Result<(), BroadcastError>> + Send {
        let is_volatile = options.has_flag(BroadcastFlags::Volatile);
        let entry = self.entry(&packet, &options).filter(|_| is_volatile || self.recovery.has_log());
        let Some(entry) = entry else {
            self.gives(&options);
            return Either::Left(ready(self.local.broadcast(packet, options).map_err(BroadcastError::from)));
        };
        if is_volatile {
            self.recovery.deliver_volatile(&entry);
            return Either::Left(ready(Ok(())));
        }
        // Before the future is asked for: what one client publishes keeps its order.
        let appended = self.recovery.log().append(entry);
        Either::Right(async move {
            appended.await.map(drop).map_err(|error| BroadcastError::Adapter(AdapterError(Box::new(error))))
        })
    }

    async fn broadcast_with_ack(
        &self,
        packet: Packet,
        options: BroadcastOptions,
        timeout: Option<Duration>,
    ) -> Result<Self::AckStream, Self::Error> {
        let elsewhere = self.elsewhere(&options);
        let data = match &packet.inner {
            PacketData::Event(data, _) | PacketData::BinaryEvent(data, _) => payload(data),
            _ => None,
        };
        let (Some((requests, filter)), Some(data)) = (elsewhere, data) else {
            self.gives(&options);
            return Ok(self.local.broadcast_with_ack(packet, options, timeout).0.boxed().fuse());
        };
        let timeout = timeout.unwrap_or_else(|| self.local.ack_timeout());
        let filter = Filter { timeout: u64::try_from(timeout.as_millis()).ok(), ..filter };
        let others = requests.acknowledged(data, filter, timeout).await?;
        self.gives(&options);
        let here = self.local.broadcast_with_ack(packet, options, Some(timeout)).0;
        Ok(stream::select(here, others).boxed().fuse())
    }

    async fn server_count(&self) -> Result<u16, Self::Error> {
        match self.recovery.shared() {
            Some(shared) => Ok(u16::try_from(shared.requests.servers().await?).unwrap_or(u16::MAX)),
            None => Ok(1),
        }
    }

    async fn fetch_sockets(&self, options: BroadcastOptions) -> Result<Vec<RemoteSocketData>, Self::Error> {
        let elsewhere = self.elsewhere(&options);
        let mut found = self.local.fetch_sockets(options);
        if let Some((requests, filter)) = elsewhere {
            let ns = self.local.path();
            // The library has no place for the longer ids of Node's clients.
            let ids =
                requests.sockets(filter).await?.into_iter().filter_map(|socket| socket["id"].as_str()?.parse().ok());
            found.extend(ids.map(|id| RemoteSocketData { id, server_id: Uid::ZERO, ns: ns.clone() }));
        }
        Ok(found)
    }

    async fn rooms(&self, options: BroadcastOptions) -> Result<Vec<Room>, Self::Error> {
        let elsewhere = self.elsewhere(&options);
        let mut rooms = self.local.rooms(options);
        if let Some((requests, filter)) = elsewhere {
            for socket in requests.sockets(filter).await? {
                let names = socket["rooms"].as_array().into_iter().flatten().filter_map(|room| room.as_str());
                let own = socket["id"].as_str().unwrap_or_default();
                rooms.extend(names.filter(|room| *room != own).map(|room| Room::Owned(room.to_owned())));
            }
        }
        Ok(rooms.into_iter().collect())
    }

    fn get_local(&self) -> &CoreLocalAdapter<Emitter> {
        &self.local
    }
}

impl DefinedAdapter for Recording {}
