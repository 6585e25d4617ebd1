//! Socket.IO by hand, over a WebSocket: what is sent and heard is exactly what stands here.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::{self, Duration, timeout},
};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};

use crate::{
    client::PATIENCE,
    harness::{PATH, Server, WebSocket},
};

pub const QUERY: &str = "EIO=4&transport=websocket";

pub struct Raw {
    socket: WebSocket,
    /// What the answer to CONNECT said.
    pub hello: Value,
    next_id: u64,
    /// Events that came while something else was waited for.
    pub events: Vec<Value>,
}

impl Raw {
    pub async fn open(server: &Server, origin: Option<&str>, auth: Value) -> Self {
        Self::open_with(server, QUERY, origin, auth).await
    }

    pub async fn open_with(server: &Server, query: &str, origin: Option<&str>, auth: Value) -> Self {
        let mut request = format!("ws://{}{PATH}/?{query}", server.public).into_client_request().unwrap();
        if let Some(origin) = origin {
            request.headers_mut().insert("origin", origin.parse().unwrap());
        }
        let stream = TcpStream::connect(server.public).await.unwrap();
        let socket = tokio_tungstenite::client_async(request, stream).await.expect("the upgrade succeeds").0;
        let mut raw = Self { socket, hello: Value::Null, next_id: 0, events: Vec::new() };
        raw.send(&format!("40{auth}")).await;
        raw.hello = loop {
            if let Message::Text(text) = raw.frame().await
                && let Some(payload) = text.strip_prefix("40")
            {
                break serde_json::from_str(payload).unwrap();
            }
        };
        raw
    }

    pub fn pid(&self) -> Option<&str> {
        self.hello["pid"].as_str()
    }

    pub async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    pub async fn send_binary(&mut self, bytes: &'static [u8]) {
        self.socket.send(Message::binary(bytes)).await.unwrap();
    }

    async fn frame(&mut self) -> Message {
        loop {
            let frame = timeout(PATIENCE, self.socket.next()).await.expect("in time").expect("open").unwrap();
            if frame == Message::text("2") {
                self.send("3").await;
            } else {
                return frame;
            }
        }
    }

    /// The next event: its name and its arguments.
    pub async fn event(&mut self) -> Value {
        if !self.events.is_empty() {
            return self.events.remove(0);
        }
        self.fresh().await
    }

    /// The next event that was not there yet.
    pub async fn fresh(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.frame().await
                && let Some(event) = text.strip_prefix("42")
            {
                return serde_json::from_str(event).unwrap();
            }
        }
    }

    /// The next event of a name.
    pub async fn named(&mut self, name: &str) -> Value {
        loop {
            let event = self.event().await;
            if event[0] == name {
                return event;
            }
        }
    }

    pub async fn ask(&mut self, event: &str, argument: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&format!("42{id}{}", json!([event, argument]))).await;
        loop {
            let Message::Text(text) = self.frame().await else { continue };
            if let Some(event) = text.strip_prefix("42") {
                self.events.push(serde_json::from_str(event).unwrap());
            } else if let Some(answer) = text.strip_prefix(&format!("43{id}")) {
                let answer: Value = serde_json::from_str(answer).unwrap();
                return answer[0].clone();
            }
        }
    }

    /// Ends without a word.
    pub fn vanish(self) {
        drop(self);
    }
}

/// Publishes numbers, one every so often, until it is told to stop.
pub struct Publisher {
    stop: oneshot::Sender<()>,
    task: JoinHandle<u64>,
}

impl Publisher {
    pub async fn start(server: &Server, room: &'static str, every: Duration) -> Self {
        let mut raw = Raw::open(server, None, json!({"recovery": false})).await;
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut ticks = time::interval(every);
            let mut number = 0;
            loop {
                tokio::select! {
                    biased;
                    _ = &mut stopped => return number,
                    _ = ticks.tick() => {}
                }
                let answer = raw.ask("publish", json!({"room": room, "data": number})).await;
                assert!(answer["delivered"].is_number(), "{answer}");
                number += 1;
            }
        });
        Self { stop, task }
    }

    /// How many it published.
    pub async fn stop(self) -> usize {
        self.stop.send(()).unwrap();
        usize::try_from(self.task.await.unwrap()).unwrap()
    }
}
