//! A handler that tells what it hears, and clients.

use std::{convert::Infallible, fmt, future::Ready, sync::Arc, time::Duration};

use bytes::Bytes;
use engineioxide::{
    DisconnectReason, Socket, Str,
    config::{EngineIoConfig, EngineIoConfigBuilder},
    handler::EngineIoHandler,
    service::EngineIoService,
};
use futures::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::service::Service;
use tokio::{
    io::DuplexStream,
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

pub const INTERVAL: Duration = Duration::from_secs(25);
pub const TIMEOUT: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, PartialEq)]
pub enum Heard {
    Text(String),
    Bytes(Bytes),
    End(DisconnectReason),
}

pub struct Handler {
    connected: UnboundedSender<Arc<Socket<()>>>,
    heard: UnboundedSender<Heard>,
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}

impl EngineIoHandler for Handler {
    type Data = ();

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<()>>) {
        self.connected.send(socket).expect("somebody listens");
    }

    fn on_disconnect(&self, _: Arc<Socket<()>>, reason: DisconnectReason) {
        self.heard.send(Heard::End(reason)).ok();
    }

    fn on_message(self: &Arc<Self>, message: Str, _: Arc<Socket<()>>) {
        self.heard.send(Heard::Text(message.into())).expect("somebody listens");
    }

    fn on_binary(self: &Arc<Self>, data: Bytes, _: Arc<Socket<()>>) {
        self.heard.send(Heard::Bytes(data)).expect("somebody listens");
    }
}

#[derive(Clone)]
pub struct Nowhere;

impl Service<Request<Full<Bytes>>> for Nowhere {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn call(&self, _: Request<Full<Bytes>>) -> Self::Future {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        std::future::ready(Ok(response))
    }
}

pub struct Server {
    service: EngineIoService<Handler, Nowhere>,
    connected: UnboundedReceiver<Arc<Socket<()>>>,
    heard: UnboundedReceiver<Heard>,
}

impl Server {
    pub fn new() -> Self {
        let (connected, connected_receiver) = mpsc::unbounded_channel();
        let (heard, heard_receiver) = mpsc::unbounded_channel();
        let config: EngineIoConfig = EngineIoConfigBuilder::new().ping_interval(INTERVAL).ping_timeout(TIMEOUT).build();
        let handler = Arc::new(Handler { connected, heard });
        let service = EngineIoService::with_config_inner(Nowhere, handler, config);
        Self { service, connected: connected_receiver, heard: heard_receiver }
    }

    pub async fn connected(&mut self) -> Arc<Socket<()>> {
        timeout(PATIENCE, self.connected.recv()).await.expect("a session in time").expect("a session")
    }

    pub async fn heard(&mut self) -> Heard {
        timeout(PATIENCE, self.heard.recv()).await.expect("something in time").expect("something")
    }

    pub fn requests(&self) -> Requests {
        Requests { service: self.service.clone() }
    }
}

#[derive(Clone)]
pub struct Requests {
    service: EngineIoService<Handler, Nowhere>,
}

impl Requests {
    pub async fn get(&self, query: &str) -> (u16, String) {
        self.send(Request::get(format!("/engine.io/?{query}")), "").await
    }

    pub async fn post(&self, query: &str, body: &str) -> (u16, String) {
        self.send(Request::post(format!("/engine.io/?{query}")), body).await
    }

    pub async fn call(&self, request: Request<Full<Bytes>>) -> u16 {
        Service::call(&self.service, request).await.expect("an answer").status().as_u16()
    }

    async fn send(&self, request: http::request::Builder, body: &str) -> (u16, String) {
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).expect("a request");
        let answer = Service::call(&self.service, request).await.expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }
}

pub struct Client(WebSocketStream<DuplexStream>);

impl Client {
    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.expect("sent");
    }

    pub async fn send_text(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub async fn frame(&mut self) -> Message {
        timeout(PATIENCE, self.0.next()).await.expect("a frame in time").expect("a frame").expect("no error")
    }
}

pub async fn websocket(server: &Server, query: &str) -> Client {
    let (near, far) = tokio::io::duplex(4096);
    let request = Request::get(format!("/engine.io/?{query}")).body(()).expect("a request");
    Service::call(&server.service, (far, request)).await.expect("it is taken");
    Client(WebSocketStream::from_raw_socket(near, Role::Client, None).await)
}

pub async fn text(client: &mut Client) -> String {
    client.frame().await.into_text().expect("text").to_string()
}
