//! The handlers that make the server useful as it is: rooms, publish, broadcast, presence, echo. Each answers by acknowledgement; a
//! bad payload is answered `{error: "..."}` with the name of the field.

mod args;
mod handlers;
mod parting;
mod presence;

use std::{borrow::Cow, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::Either};
use rmpv::Value;
use serde::Serialize;
use serde_json::json;
use socketioxide::{BroadcastError, extract::TryData, handler::ConnectHandler, socket::Sid};

use crate::{
    auth::{self, Auth, refusal::Refusal, token::Payload},
    connections::Connections,
    metrics::Metrics,
    recovery::{self, Published as Already, Recovery, SocketIo, SocketRef, hello::Hello},
};
use args::{Args, Fields, Problem};
use handlers::Handlers;
use presence::Presence;

const LONGEST_ROOM: usize = 128;
const LONGEST_EVENT: usize = 128;
const LONGEST_ID: usize = 64;
const MOST_ROOMS: usize = 100;
/// How long clients may take to answer what others ask.
const PATIENCE: Duration = Duration::from_secs(5);
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
        presence: Presence::start(io.clone(), recovery.shared().map(|shared| Arc::clone(&shared.peers))),
        recovery: Arc::clone(recovery),
        connections: Arc::clone(connections),
    };
    let Application { presence, recovery, .. } = application.clone();
    let greet = async move |socket: SocketRef, hello: TryData<Hello>| {
        recovery.greet(&socket, &Hello::of(hello)).await;
        presence.changed(socket.rooms());
    };
    let (auth, handlers) = (Arc::clone(auth), Arc::new(Handlers::new(application, metrics)));
    let admit = async move |socket: SocketRef, payload: TryData<Payload>, hello: TryData<Hello>| {
        auth.admit(socket.clone(), Payload::of(payload)).await?;
        handlers.application.recovery.admit(&socket, &Hello::of(hello)).await;
        // Before the client hears that it is connected: what it sends right then would find no handler.
        handlers.connected(&socket);
        Ok::<(), Refusal>(())
    };
    io.ns("/", greet.with(admit));
}

enum Reply {
    Json(serde_json::Value),
    /// Also what JSON cannot say: binary.
    Same(Args),
    Delivery(futures::future::BoxFuture<'static, serde_json::Value>),
}

fn join(socket: &SocketRef, args: &Args, application: &Application) -> Result<Reply, Problem> {
    let room = room(&args.fields()?)?;
    let rooms = socket.rooms();
    if rooms.len() >= MOST_ROOMS && !rooms.contains(&Cow::from(room.clone())) {
        return Err(Problem::new("room", format!("a socket is in at most {MOST_ROOMS} rooms; leave one first")));
    }
    application.recovery.join(socket, room.clone().into());
    application.presence.changed([Cow::from(room.clone())]);
    Ok(Reply::Json(json!({"room": room, "members": application.presence.count(Some(&room))})))
}

fn leave(socket: &SocketRef, args: &Args, application: &Application) -> Result<Reply, Problem> {
    let room = room(&args.fields()?)?;
    application.recovery.leave(socket, room.clone().into());
    application.presence.changed([Cow::from(room.clone())]);
    Ok(Reply::Json(json!({"room": room, "members": application.presence.count(Some(&room))})))
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
    let event = event(&fields)?;
    let data = fields.data()?.clone();
    let id = fields.text("id", LONGEST_ID)?;
    let from = application.recovery.id(socket.id);
    let to = socket.within(room.clone());
    let wanted = application.wanted(Some(&room));
    let message = Published { room, from, user: auth::user(socket), data };
    Ok(application.once(socket, id, wanted, async move { to.emit(event, &message).await }))
}

/// Publishes what each client of a room is to acknowledge, and answers with what they say.
fn ask(socket: &SocketRef, args: &Args, application: &Application) -> Result<Reply, Problem> {
    let fields = args.fields()?;
    let room = room(&fields)?;
    let event = event(&fields)?;
    let from = application.recovery.id(socket.id);
    let message = Published { room: room.clone(), from, user: auth::user(socket), data: fields.data()?.clone() };
    let to = socket.to(room).timeout(PATIENCE);
    let answers = async move {
        let acks = match to.emit_with_ack::<_, Value>(event, &message).await {
            Ok(acks) => StreamExt::map(acks, |(_, answer)| answer.ok()).collect::<Vec<_>>().await,
            Err(error) => return json!({"error": format!("backplane: {error}")}),
        };
        let missing = acks.iter().filter(|answer| answer.is_none()).count();
        json!({"answers": acks.into_iter().flatten().collect::<Vec<_>>(), "missing": missing})
    };
    Ok(Reply::Delivery(answers.boxed()))
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
    let wanted = application.wanted(None);
    Ok(application.once(socket, id, wanted, async move { to.emit("broadcast", &message).await }))
}

/// Clients that are to get a message.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    everywhere: usize,
    here: usize,
}

impl Application {
    fn wanted(&self, room: Option<&str>) -> Wanted {
        Wanted { everywhere: self.presence.count(room), here: self.presence.here(room) }
    }

    /// Publishes, unless the client did so before under the same id.
    fn once(
        &self,
        socket: &SocketRef,
        id: Option<String>,
        wanted: Wanted,
        publish: impl Future<Output = Result<(), BroadcastError>> + Send + 'static,
    ) -> Reply {
        if let Some(id) = &id {
            if let Some(published) = self.recovery.published(socket.id, id) {
                let delivered = match published {
                    Already::To(delivered) => delivered,
                    Already::Elsewhere => wanted.everywhere,
                };
                return Reply::Json(json!({"delivered": delivered, "duplicate": true}));
            }
            self.recovery.publish(socket.id, id, wanted.everywhere);
        }
        let (recovery, sid, named) = (Arc::clone(&self.recovery), socket.id, id.clone());
        let answer = move |sent: Result<(), BroadcastError>| {
            if let (Some(id), Err(BroadcastError::Adapter(_))) = (&id, &sent) {
                // The same id may try again.
                recovery.unpublish(sid, id);
            }
            delivered(wanted, sent)
        };
        let publish = match &named {
            Some(id) => Either::Left(self.recovery.naming(sid, id, publish)),
            None => Either::Right(publish),
        };
        let mut delivery = Box::pin(publish.map(answer));
        match (&mut delivery).now_or_never() {
            Some(answer) => Reply::Json(answer),
            None => Reply::Delivery(delivery),
        }
    }
}

fn present(_: &SocketRef, args: &Args, application: &Application) -> Result<Reply, Problem> {
    let room = match args.is_empty() {
        true => None,
        false => args.fields()?.text("room", LONGEST_ROOM)?,
    };
    let count = application.presence.count(room.as_deref());
    Ok(Reply::Json(json!({"room": room, "count": count})))
}

/// Whether nobody but the server may publish an event of this name.
#[must_use]
pub fn is_reserved(event: &str) -> bool {
    RESERVED.contains(&event) || event.starts_with(recovery::RESERVED)
}

fn event(fields: &Fields<'_>) -> Result<String, Problem> {
    let event = fields.text("event", LONGEST_EVENT)?.unwrap_or_else(|| "message".to_owned());
    if event.is_empty() || is_reserved(&event) {
        return Err(Problem::new(
            "event",
            format!("{event:?} is reserved; choose another name, or leave it out for \"message\""),
        ));
    }
    Ok(event)
}

fn room(fields: &Fields<'_>) -> Result<String, Problem> {
    match fields.text("room", LONGEST_ROOM)? {
        Some(room) if !room.is_empty() => Ok(room),
        Some(_) | None => Err(Problem::new("room", "is required: the name of a room, e.g. {room: \"lobby\"}")),
    }
}

/// Sockets whose buffer is full do not get a message; those of other replicas do not while the backplane is away.
fn delivered(wanted: Wanted, sent: Result<(), BroadcastError>) -> serde_json::Value {
    match sent {
        Ok(()) => json!({"delivered": wanted.everywhere}),
        Err(BroadcastError::Socket(failed)) => json!({"delivered": wanted.everywhere.saturating_sub(failed.len())}),
        Err(BroadcastError::Adapter(error)) => {
            json!({"delivered": wanted.here, "error": format!("backplane: other replicas did not get it: {error}")})
        }
        Err(BroadcastError::Serialize(_)) => json!({"delivered": 0}),
    }
}
