//! The handlers that make the server useful as it is: rooms, publish, broadcast, presence, echo. Each answers by acknowledgement; a
//! bad payload is answered `{error: "..."}` with the name of the field.

mod args;
mod parting;
mod presence;

use std::{borrow::Cow, sync::Arc};

use futures::FutureExt;
use rmpv::Value;
use serde::Serialize;
use serde_json::json;
use socketioxide::{
    BroadcastError, SendError, SocketError,
    extract::TryData,
    handler::ConnectHandler,
    socket::Sid,
};

use crate::{
    auth::{self, Auth, refusal::Refusal, token::Payload},
    connections::Connections,
    farewell::Farewell,
    metrics::{Event, Metrics},
    recovery::{self, AckSender, Recovery, SocketIo, SocketRef, hello::Hello},
};
use args::{Args, Fields, Problem};
use parting::Parting;
use presence::Presence;

const LONGEST_ROOM: usize = 128;
const LONGEST_EVENT: usize = 128;
const LONGEST_ID: usize = 64;
const MOST_ROOMS: usize = 100;
/// Events that clients take for the library's or for the server's own.
const RESERVED: [&str; 10] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
    "presence",
    "broadcast",
    auth::EXPIRED_EVENT,
    auth::REFUSED_EVENT,
];

/// What the handlers work with.
#[derive(Clone, Debug)]
struct Application {
    presence: Presence,
    recovery: Arc<Recovery>,
    connections: Arc<Connections>,
}

/// Registers the handlers on the main namespace.
pub fn register(
    io: &SocketIo,
    auth: &Arc<Auth>,
    recovery: &Arc<Recovery>,
    connections: &Arc<Connections>,
    metrics: &Arc<Metrics>,
) {
    let application = Application {
        presence: Presence::start(io.clone()),
        recovery: Arc::clone(recovery),
        connections: Arc::clone(connections),
    };
    let Application { presence, recovery, .. } = application.clone();
    let greet = async move |socket: SocketRef, hello: TryData<Hello>| {
        recovery.greet(&socket, &Hello::of(hello)).await;
        let rooms = socket.rooms();
        if !rooms.is_empty() {
            presence.changed(rooms);
        }
    };
    let (auth, metrics) = (Arc::clone(auth), Arc::clone(metrics));
    let admit = async move |socket: SocketRef, payload: TryData<Payload>, hello: TryData<Hello>| {
        auth.admit(socket.clone(), Payload::of(payload)).await?;
        application.recovery.admit(&socket, &Hello::of(hello)).await;
        // Before the client hears that it is connected: what it sends right then would find no handler.
        connected(&socket, &application, &metrics);
        Ok::<(), Refusal>(())
    };
    io.ns("/", greet.with(admit));
}

fn connected(socket: &SocketRef, application: &Application, metrics: &Arc<Metrics>) {
    let on = |event: &'static str, handler: fn(&SocketRef, &Args, &Application) -> Result<Reply, Problem>| {
        let application = application.clone();
        let (counter, dropped) = (metrics.events.get_or_create_owned(&Event { event }), metrics.dropped.clone());
        socket.on(event, move |socket: SocketRef, TryData::<Args>(args), ack: AckSender| {
            counter.inc();
            // Not in the future, which the library spawns: two of them may overtake each other, and what one client publishes would
            // change its order.
            let reply =
                args.map_err(|error| Problem::payload(&error)).and_then(|args| handler(&socket, &args, &application));
            let (connections, dropped, sid) = (Arc::clone(&application.connections), dropped.clone(), socket.id);
            async move {
                // The client may be gone, or so slow that its buffer is full.
                let sent = match reply {
                    Ok(Reply::Json(value)) => ack.send(&value),
                    Ok(Reply::Same(args)) => ack.send(&args),
                    Ok(Reply::Delivery(delivery)) => ack.send(&json!({"delivered": delivery.await})),
                    Err(problem) => ack.send(&json!({"error": problem.to_string()})),
                };
                if let Err(error) = sent {
                    tracing::debug!(%error, event, "failed to acknowledge");
                    if matches!(error, SendError::Socket(SocketError::InternalChannelFull)) {
                        dropped.inc();
                        connections.cut(sid, Farewell::SLOW);
                    }
                }
            }
        });
    };
    on("join", join);
    on("leave", leave);
    on("publish", publish);
    on("broadcast", broadcast);
    on("presence", present);
    on("echo", |_, args, _| Ok(Reply::Same(args.clone())));
    let Application { presence, recovery, .. } = application.clone();
    socket.on_disconnect(Parting { presence, recovery });
}

enum Reply {
    Json(serde_json::Value),
    /// Also what JSON cannot say: binary.
    Same(Args),
    Delivery(futures::future::BoxFuture<'static, usize>),
}

fn join(socket: &SocketRef, args: &Args, application: &Application) -> Result<Reply, Problem> {
    let room = room(&args.fields()?)?;
    let rooms = socket.rooms();
    if rooms.len() >= MOST_ROOMS && !rooms.contains(&Cow::from(room.clone())) {
        return Err(Problem::new("room", format!("a socket is in at most {MOST_ROOMS} rooms; leave one first")));
    }
    application.recovery.join(socket, room.clone().into());
    application.presence.changed([Cow::from(room.clone())]);
    Ok(Reply::Json(json!({"room": room, "members": members(socket, &room)})))
}

fn leave(socket: &SocketRef, args: &Args, application: &Application) -> Result<Reply, Problem> {
    let room = room(&args.fields()?)?;
    application.recovery.leave(socket, room.clone().into());
    application.presence.changed([Cow::from(room.clone())]);
    Ok(Reply::Json(json!({"room": room, "members": members(socket, &room)})))
}

#[derive(Serialize)]
struct Published {
    room: String,
    from: Sid,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    data: Value,
}

fn publish(socket: &SocketRef, args: &Args, application: &Application) -> Result<Reply, Problem> {
    let fields = args.fields()?;
    let room = room(&fields)?;
    let event = fields.text("event", LONGEST_EVENT)?.unwrap_or_else(|| "message".to_owned());
    if event.is_empty() || RESERVED.contains(&event.as_str()) || event.starts_with(recovery::RESERVED) {
        return Err(Problem::new(
            "event",
            format!("{event:?} is reserved; choose another name, or leave it out for \"message\""),
        ));
    }
    let data = fields.data()?.clone();
    let id = fields.text("id", LONGEST_ID)?;
    let from = application.recovery.id(socket.id);
    let to = socket.within(room.clone());
    let wanted = members(socket, &room);
    let message = Published { room, from, user: auth::user(socket), data };
    Ok(application.once(socket, id, wanted, async move { to.emit(event, &message).await }))
}

#[derive(Serialize)]
struct Broadcast {
    from: Sid,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    data: Value,
}

fn broadcast(socket: &SocketRef, args: &Args, application: &Application) -> Result<Reply, Problem> {
    let fields = args.fields()?;
    let from = application.recovery.id(socket.id);
    let message = Broadcast { from, user: auth::user(socket), data: fields.data()?.clone() };
    let id = fields.text("id", LONGEST_ID)?;
    let to = application.presence.everyone();
    let wanted = application.presence.everyone().sockets().len();
    Ok(application.once(socket, id, wanted, async move { to.emit("broadcast", &message).await }))
}

impl Application {
    /// Publishes, unless the client did so before under the same id.
    fn once(
        &self,
        socket: &SocketRef,
        id: Option<String>,
        wanted: usize,
        publish: impl Future<Output = Result<(), BroadcastError>> + Send + 'static,
    ) -> Reply {
        if let Some(id) = &id {
            if let Some(delivered) = self.recovery.published(socket.id, id) {
                return Reply::Json(json!({"delivered": delivered, "duplicate": true}));
            }
            self.recovery.publish(socket.id, id, wanted);
        }
        let mut delivery = Box::pin(publish.map(move |sent| delivered(wanted, sent)));
        match (&mut delivery).now_or_never() {
            Some(delivered) => Reply::Json(json!({"delivered": delivered})),
            None => Reply::Delivery(delivery),
        }
    }
}

fn present(socket: &SocketRef, args: &Args, application: &Application) -> Result<Reply, Problem> {
    let room = match args.is_empty() {
        true => None,
        false => args.fields()?.text("room", LONGEST_ROOM)?,
    };
    let count = match &room {
        Some(room) => members(socket, room),
        None => application.presence.everyone().sockets().len(),
    };
    Ok(Reply::Json(json!({"room": room, "count": count})))
}

fn room(fields: &Fields<'_>) -> Result<String, Problem> {
    match fields.text("room", LONGEST_ROOM)? {
        Some(room) if !room.is_empty() => Ok(room),
        Some(_) | None => Err(Problem::new("room", "is required: the name of a room, e.g. {room: \"lobby\"}")),
    }
}

fn members(socket: &SocketRef, room: &str) -> usize {
    socket.within(room.to_owned()).sockets().len()
}

/// Sockets whose buffer is full do not get a message.
fn delivered(wanted: usize, sent: Result<(), BroadcastError>) -> usize {
    match sent {
        Ok(()) => wanted,
        Err(BroadcastError::Socket(failed)) => wanted.saturating_sub(failed.len()),
        Err(BroadcastError::Serialize(_) | BroadcastError::Adapter(_)) => 0,
    }
}
