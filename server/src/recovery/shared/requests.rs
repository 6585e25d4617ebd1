//! Questions to all servers on the stream, and their answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use futures::{Stream, StreamExt, stream};
use rand::RngExt;
use realtime_backplane::{
    Backplane, Problem, Reason,
    codec::{self, Body, Filter, Message, Payload},
};
use serde_json::Value as Json;
use socketioxide::{AckError, AdapterError};
use socketioxide_core::{Value, packet::Sid};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{self, Instant},
};

use super::{Channels, NAMESPACE};

/// How long servers may take to say which clients they have; the package's default.
const PATIENCE: Duration = Duration::from_secs(5);

/// The others cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other servers cannot be asked: {0}")]
pub struct Fault(#[from] pub Problem);

impl From<Fault> for AdapterError {
    fn from(fault: Fault) -> Self {
        Self(Box::new(fault))
    }
}

/// Questions to all servers on the stream.
#[derive(Debug)]
pub struct Requests {
    uid: Arc<str>,
    channels: Channels,
    backplane: OnceLock<Backplane>,
    open: Mutex<HashMap<String, UnboundedSender<Body>>>,
}

/// A question that is open.
#[derive(Debug)]
struct Open {
    requests: Arc<Requests>,
    name: String,
    answers: UnboundedReceiver<Body>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.requests.open.lock().expect("nothing panics under this lock").remove(&self.name);
    }
}

impl Requests {
    pub(super) fn new(uid: Arc<str>, channels: Channels) -> Self {
        Self { uid, channels, backplane: OnceLock::new(), open: Mutex::default() }
    }

    pub(super) fn attach(&self, backplane: &Backplane) {
        self.backplane.set(backplane.clone()).ok();
    }

    /// How many servers there are, this one included.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn servers(&self) -> Result<usize, Fault> {
        let away =
            || Problem { reason: Reason::Connecting, message: "not connected yet".to_owned(), is_uncertain: false };
        let backplane = self.backplane.get().ok_or_else(away)?;
        Ok(backplane.subscribers(&self.channels.public).await?.max(1))
    }

    /// Publishes an event that clients of the other servers are to acknowledge, and gives what they say. Servers of Node do not say who.
    ///
    /// # Errors
    /// When Redis is away.
    pub async fn acknowledged(
        self: &Arc<Self>,
        packet: Payload,
        filter: Filter,
        timeout: Duration,
    ) -> Result<impl Stream<Item = (Sid, Result<Value, AckError>)> + Send + 'static + use<>, Fault> {
        let others = self.servers().await? - 1;
        let open = self.open();
        if others > 0 {
            self.publish(Body::Broadcast { packet, filter, request: Some(open.name.clone()) });
        }
        let deadline = Instant::now() + timeout;
        // How many servers have yet to say how many clients they have; how many clients have yet to acknowledge.
        let next = move |(mut open, mut servers, mut clients): (Open, usize, u32)| async move {
            while servers > 0 || clients > 0 {
                match time::timeout_at(deadline, open.answers.recv()).await {
                    Ok(Some(Body::ClientCount { count, .. })) => {
                        servers = servers.saturating_sub(1);
                        clients = clients.saturating_add(count);
                    }
                    Ok(Some(Body::Acknowledged { packet, .. })) => {
                        clients = clients.saturating_sub(1);
                        let value = value(packet.into_list());
                        return Some(((Sid::ZERO, Ok(value)), (open, servers, clients)));
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(_) if clients > 0 => {
                        return Some(((Sid::ZERO, Err(AckError::Timeout)), (open, 0, clients - 1)));
                    }
                    Err(_) => return None,
                }
            }
            None
        };
        Ok(stream::unfold((open, others, 0), next).boxed())
    }

    /// Which clients the other servers have.
    ///
    /// # Errors
    /// When Redis is away, or a server does not answer in time.
    pub async fn sockets(self: &Arc<Self>, filter: Filter) -> Result<Vec<Json>, Fault> {
        let others = self.servers().await? - 1;
        let mut open = self.open();
        let mut found = Vec::new();
        if others == 0 {
            return Ok(found);
        }
        self.publish(Body::FetchSockets { filter, request: open.name.clone() });
        let deadline = Instant::now() + PATIENCE;
        for answered in 0..others {
            let late = || Problem {
                reason: Reason::Timeout,
                message: format!("{answered} of {others} servers answered in time"),
                is_uncertain: false,
            };
            let answer = time::timeout_at(deadline, open.answers.recv()).await.ok().flatten().ok_or_else(late)?;
            if let Body::Sockets { sockets, .. } = answer {
                found.extend(serde_json::from_str::<Vec<Json>>(&sockets.text).unwrap_or_default());
            }
        }
        Ok(found)
    }

    /// An answer came.
    pub(super) fn resolve(&self, name: &str, answer: Body) {
        let open = self.open.lock().expect("nothing panics under this lock");
        if let Some(asked) = open.get(name) {
            asked.send(answer).ok();
        }
    }

    /// Answers another server.
    pub(super) fn answer(&self, uid: &str, body: Body) {
        self.send(self.channels.of(uid), body);
    }

    fn publish(&self, body: Body) {
        self.send(self.channels.public.clone(), body);
    }

    fn send(&self, channel: String, body: Body) {
        let message = Message { uid: self.uid.to_string(), nsp: NAMESPACE.to_owned(), body };
        match (codec::channel::encode(&message), self.backplane.get()) {
            (Ok(bytes), Some(backplane)) => backplane.publish(channel, bytes),
            (Err(error), _) => tracing::warn!(%error, "a message to other servers cannot be written"),
            (Ok(_), None) => {}
        }
    }

    fn open(self: &Arc<Self>) -> Open {
        let name: [u8; 8] = rand::rng().random();
        let name = name.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (sender, answers) = unbounded_channel();
        self.open.lock().expect("nothing panics under this lock").insert(name.clone(), sender);
        Open { requests: Arc::clone(self), name, answers }
    }
}

/// As the library has it.
pub(super) fn value(payload: Payload) -> Value {
    let Payload { text, attachments } = payload;
    Value::Str(text.into(), Some(attachments).filter(|attachments| !attachments.is_empty()))
}

/// As the format has it. The server's parser writes text.
pub(crate) fn payload(value: &Value) -> Option<Payload> {
    match value {
        Value::Str(text, attachments) => {
            let attachments = attachments.clone().unwrap_or_default();
            Some(Payload { text: text.as_str().to_owned(), attachments })
        }
        Value::Bytes(_) => None,
    }
}
