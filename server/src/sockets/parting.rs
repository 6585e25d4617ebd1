//! What is done when a socket leaves its namespace.

use std::sync::Arc;

use futures::FutureExt;
use socketioxide::{
    handler::{DisconnectHandler, FromDisconnectParts},
    socket::{DisconnectReason, Socket},
};

use super::presence::Presence;
use crate::recovery::{Recording, Recovery, SocketRef};

/// Gives a socket's rooms up and keeps its session.
///
/// The library's own handlers run in a task of theirs, and only behind that is the socket taken out of its namespace. A client that was
/// sent away asks to be let in again on the same transport at once, with a fresh token for example, and its CONNECT is dropped as a
/// second one while the socket is there.
#[derive(Clone, Debug)]
pub(super) struct Parting {
    pub(super) presence: Presence,
    pub(super) recovery: Arc<Recovery>,
}

impl DisconnectHandler<Recording, ()> for Parting {
    fn call_with_defer(
        &self,
        socket: Arc<Socket<Recording>>,
        reason: DisconnectReason,
        remove: fn(Arc<Socket<Recording>>),
    ) {
        let Ok(leaving) = SocketRef::from_disconnect_parts(&socket, reason);
        self.presence.changed(leaving.rooms());
        let recovery = Arc::clone(&self.recovery);
        // What names the socket is done when this is asked once; what it waits for is a store that may be elsewhere.
        let mut left = Box::pin(async move { recovery.left(&leaving, reason).await });
        if (&mut left).now_or_never().is_none() {
            tokio::spawn(left);
        }
        remove(socket);
    }
}
