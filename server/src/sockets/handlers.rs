//! Which handler answers an event, and how its answer gets to the client.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use serde_json::json;
use socketioxide::{
    ParserError, SendError, SocketError,
    extract::{Event as Called, TryData},
    socket::Sid,
};

use super::{
    Application, Reply,
    args::{Args, Problem},
    ask, broadcast, join, leave,
    parting::Parting,
    present, publish,
};
use crate::{
    farewell::Farewell,
    metrics::{Event, Metrics},
    recovery::{AckSender, SocketRef},
};

/// What answers an event.
type Handler = fn(&SocketRef, &Args, &Application) -> Result<Reply, Problem>;

/// The handlers of all sockets; each by the name of its event, and how often it was called.
pub(super) struct Handlers {
    pub(super) application: Application,
    by_event: [(&'static str, Handler, Counter); 7],
    dropped: Counter,
}

impl Handlers {
    pub(super) fn new(application: Application, metrics: &Metrics) -> Self {
        let on = |event, handler: Handler| (event, handler, metrics.events.get_or_create_owned(&Event { event }));
        let by_event = [
            on("join", join),
            on("leave", leave),
            on("publish", publish),
            on("ask", ask),
            on("broadcast", broadcast),
            on("presence", present),
            on("echo", |_, args, _| Ok(Reply::Same(args.clone()))),
        ];
        Self { application, by_event, dropped: metrics.dropped.clone() }
    }

    /// One handler for all events: one for each takes memory for each, as long as the socket lives.
    pub(super) fn connected(self: &Arc<Self>, socket: &SocketRef) {
        let handlers = Arc::clone(self);
        socket.on_fallback(move |socket: SocketRef, Called(event): Called, TryData::<Args>(args), ack: AckSender| {
            // Not in the future, which the library spawns: two of them may overtake each other, and what one client publishes would
            // change its order.
            let reply = handlers.handle(&socket, &event, args);
            let (handlers, sid) = (Arc::clone(&handlers), socket.id);
            async move {
                if let Some((event, reply)) = reply {
                    handlers.answer(sid, event, ack, reply).await;
                }
            }
        });
        let Application { presence, recovery, .. } = self.application.clone();
        socket.on_disconnect(Parting { presence, recovery });
    }

    /// None where nobody knows the event.
    fn handle(
        &self,
        socket: &SocketRef,
        event: &str,
        args: Result<Args, ParserError>,
    ) -> Option<(&'static str, Result<Reply, Problem>)> {
        let (event, handler, calls) = self.by_event.iter().find(|(name, ..)| *name == event)?;
        calls.inc();
        let args = args.map_err(|error| Problem::payload(&error));
        Some((*event, args.and_then(|args| handler(socket, &args, &self.application))))
    }

    async fn answer(&self, sid: Sid, event: &str, ack: AckSender, reply: Result<Reply, Problem>) {
        // The client may be gone, or so slow that its buffer is full.
        let sent = match reply {
            Ok(Reply::Json(value)) => ack.send(&value),
            Ok(Reply::Same(args)) => ack.send(&args),
            Ok(Reply::Delivery(delivery)) => ack.send(&delivery.await),
            Err(problem) => ack.send(&json!({"error": problem.to_string()})),
        };
        let Err(error) = sent else { return };
        tracing::debug!(%error, event, "failed to acknowledge");
        if matches!(error, SendError::Socket(SocketError::InternalChannelFull)) {
            self.dropped.inc();
            self.application.connections.cut(sid, Farewell::SLOW);
        }
    }
}
