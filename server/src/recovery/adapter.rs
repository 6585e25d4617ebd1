//! What the Socket.IO server publishes goes through the log: it comes back from there, to those who are connected, in one order for all.

use std::{convert::Infallible, fmt, future::Future, sync::Arc, time::Duration};

use futures::future::{Either, ready};
use socketioxide::{AdapterError, BroadcastError, SocketError, adapter::Emitter};
use socketioxide_core::{
    adapter::{BroadcastFlags, BroadcastOptions, CoreAdapter, CoreLocalAdapter, DefinedAdapter, SocketEmitter},
    packet::{Packet, PacketData, Sid},
};

use super::{Recovery, log::Entry};

/// The only namespace that the server has.
const NAMESPACE: &str = "/";

/// A namespace of the Socket.IO server.
pub struct Recording {
    local: CoreLocalAdapter<Emitter>,
    recovery: Arc<Recovery>,
}

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

    /// Sends to one client. The library says how many of several clients missed a packet, but not which.
    pub(super) fn send(&self, sid: Sid, packet: Packet) -> Outcome {
        match self.local.broadcast(packet, BroadcastOptions::new(sid)) {
            Ok(()) => Outcome::Sent,
            Err(errors) => match errors.first() {
                Some(SocketError::InternalChannelFull) => Outcome::Full,
                Some(SocketError::Closed) | None => Outcome::Closed,
            },
        }
    }

    /// What is to be logged, if it is: an event for several clients that may not be dropped.
    fn entry(&self, packet: &Packet, options: &BroadcastOptions) -> Option<Entry> {
        let (PacketData::Event(data, None) | PacketData::BinaryEvent(data, None)) = &packet.inner else { return None };
        let is_for_all = options.has_flag(BroadcastFlags::Broadcast);
        if self.local.path().as_str() != NAMESPACE || (options.rooms.is_empty() && !is_for_all) {
            return None;
        }
        Some(Entry {
            namespace: packet.ns.clone(),
            data: data.clone(),
            rooms: options.rooms.to_vec(),
            except: options.except.to_vec(),
            sender: options.sid.filter(|_| is_for_all).map(|sid| self.recovery.id(sid)),
        })
    }
}

impl CoreAdapter<Emitter> for Recording {
    type Error = Infallible;
    type State = Arc<Recovery>;
    type AckStream = <Emitter as SocketEmitter>::AckStream;
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
        let entry = self.entry(&packet, &options).filter(|_| is_volatile || self.recovery.is_on());
        let Some(entry) = entry else {
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
        Ok(self.local.broadcast_with_ack(packet, options, timeout).0)
    }

    fn get_local(&self) -> &CoreLocalAdapter<Emitter> {
        &self.local
    }
}

impl DefinedAdapter for Recording {}
