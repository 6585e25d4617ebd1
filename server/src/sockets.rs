//! The handlers that make the server useful as it is: rooms, publish, broadcast, presence, echo. Each answers by acknowledgement; a
//! bad payload is answered `{error: "..."}` with the name of the field.

mod args;
mod presence;

use std::{borrow::Cow, sync::Arc};

use rmpv::Value;
use serde::Serialize;
use serde_json::json;
use socketioxide::{
    BroadcastError, SocketIo,
    extract::{AckSender, SocketRef, TryData},
    handler::ConnectHandler,
    socket::Sid,
};

use crate::{
    auth::{self, Auth, refusal::Refusal, token::Payload},
    metrics::{Event, Metrics},
};
use args::{Args, Fields, Problem};
use presence::Presence;

const LONGEST_ROOM: usize = 128;
const LONGEST_EVENT: usize = 128;
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

/// Registers the handlers on the main namespace.
pub fn register(io: &SocketIo, auth: &Arc<Auth>, metrics: &Arc<Metrics>) {
    let presence = Presence::start(io.clone());
    let (auth, metrics) = (Arc::clone(auth), Arc::clone(metrics));
    let admit = async move |socket: SocketRef, payload: TryData<Payload>| {
        auth.admit(socket.clone(), Payload::of(payload)).await?;
        // Before the client hears that it is connected: what it sends right then would find no handler.
        connected(&socket, &presence, &metrics);
        Ok::<(), Refusal>(())
    };
    io.ns("/", (async || {}).with(admit));
}

fn connected(socket: &SocketRef, presence: &Presence, metrics: &Arc<Metrics>) {
    let on = |event: &'static str, handler: fn(&SocketRef, &Args, &Presence) -> Result<Reply, Problem>| {
        let presence = presence.clone();
        let counter = metrics.events.get_or_create_owned(&Event { event });
        socket.on(event, async move |socket: SocketRef, TryData::<Args>(args), ack: AckSender| {
            counter.inc();
            let reply =
                args.map_err(|error| Problem::payload(&error)).and_then(|args| handler(&socket, &args, &presence));
            // The client may be gone, or so slow that its buffer is full.
            let sent = match reply {
                Ok(Reply::Json(value)) => ack.send(&value),
                Ok(Reply::Same(args)) => ack.send(&args),
                Ok(Reply::Delivery(delivery)) => ack.send(&json!({"delivered": delivery.await})),
                Err(problem) => ack.send(&json!({"error": problem.to_string()})),
            };
            if let Err(error) = sent {
                tracing::debug!(%error, event, "failed to acknowledge");
            }
        });
    };
    on("join", join);
    on("leave", leave);
    on("publish", publish);
    on("broadcast", broadcast);
    on("presence", present);
    on("echo", |_, args, _| Ok(Reply::Same(args.clone())));
    let presence = presence.clone();
    socket.on_disconnect(async move |socket: SocketRef| presence.changed(socket.rooms()));
}

enum Reply {
    Json(serde_json::Value),
    /// Also what JSON cannot say: binary.
    Same(Args),
    Delivery(futures::future::BoxFuture<'static, usize>),
}

fn join(socket: &SocketRef, args: &Args, presence: &Presence) -> Result<Reply, Problem> {
    let room = room(&args.fields()?)?;
    let rooms = socket.rooms();
    if rooms.len() >= MOST_ROOMS && !rooms.contains(&Cow::from(room.clone())) {
        return Err(Problem::new("room", format!("a socket is in at most {MOST_ROOMS} rooms; leave one first")));
    }
    socket.join(room.clone());
    presence.changed([Cow::from(room.clone())]);
    Ok(Reply::Json(json!({"room": room, "members": members(socket, &room)})))
}

fn leave(socket: &SocketRef, args: &Args, presence: &Presence) -> Result<Reply, Problem> {
    let room = room(&args.fields()?)?;
    socket.leave(room.clone());
    presence.changed([Cow::from(room.clone())]);
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

fn publish(socket: &SocketRef, args: &Args, _: &Presence) -> Result<Reply, Problem> {
    let fields = args.fields()?;
    let room = room(&fields)?;
    let event = fields.text("event", LONGEST_EVENT)?.unwrap_or_else(|| "message".to_owned());
    if event.is_empty() || RESERVED.contains(&event.as_str()) {
        return Err(Problem::new(
            "event",
            format!("{event:?} is reserved; choose another name, or leave it out for \"message\""),
        ));
    }
    let data = fields.data()?.clone();
    let wanted = members(socket, &room);
    let to = socket.within(room.clone());
    let message = Published { room, from: socket.id, user: auth::user(socket), data };
    Ok(Reply::Delivery(Box::pin(async move { delivered(wanted, to.emit(event, &message).await) })))
}

#[derive(Serialize)]
struct Broadcast {
    from: Sid,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    data: Value,
}

fn broadcast(socket: &SocketRef, args: &Args, presence: &Presence) -> Result<Reply, Problem> {
    let fields = args.fields()?;
    let message = Broadcast { from: socket.id, user: auth::user(socket), data: fields.data()?.clone() };
    let wanted = presence.everyone().sockets().len();
    let to = presence.everyone();
    Ok(Reply::Delivery(Box::pin(async move { delivered(wanted, to.emit("broadcast", &message).await) })))
}

fn present(socket: &SocketRef, args: &Args, presence: &Presence) -> Result<Reply, Problem> {
    let room = match args.is_empty() {
        true => None,
        false => args.fields()?.text("room", LONGEST_ROOM)?,
    };
    let count = match &room {
        Some(room) => members(socket, room),
        None => presence.everyone().sockets().len(),
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
