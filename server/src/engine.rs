//! The Engine.IO endpoint: checks requests by the protocol's own rules, with words for people, before the engine sees them, and mends
//! what the engine answers. An authentication layer belongs between the gate and this.

pub mod compact;
mod eio3;
pub mod payload;
pub mod polling;
pub mod query;
mod upgrade;

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, StatusCode};
use http_body::Body;
use http_body_util::Full;
use realtime_crds::v1alpha1::Transport;
use socketioxide::{TransportType, service::SocketIoService, socket::Sid};
use tokio::sync::watch;
use tower::Service;

use crate::{
    connections::{Claim, Connections, Handle},
    farewell::Farewell,
    metrics::{self, Metrics},
    options::Settings,
    overload::{Admission, Limits, Overload, Place},
    recovery::{Recovery, SocketIo, adapter::Recording},
    refusal::{Code, FullResponse, Refusal},
    shutdown::Phase,
};
use query::Ask;

/// How long a client that upgrades may take to show that its WebSocket works.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// What is behind the engine for other paths: nothing, they never get there.
#[derive(Clone, Copy, Debug)]
struct Nowhere;

impl<B> hyper::service::Service<Request<B>> for Nowhere {
    type Response = FullResponse;
    type Error = Infallible;
    type Future = std::future::Ready<Result<FullResponse, Infallible>>;

    fn call(&self, _: Request<B>) -> Self::Future {
        std::future::ready(Ok(Refusal::new(Code::BadRequest, "not here").status(StatusCode::NOT_FOUND).response()))
    }
}

/// The Engine.IO endpoint.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

struct Shared {
    service: SocketIoService<Nowhere, Recording>,
    settings: Settings,
    limits: Arc<Limits>,
    admission: Admission,
    connections: Arc<Connections>,
    metrics: Arc<Metrics>,
    phase: watch::Receiver<Phase>,
    recovery: Arc<Recovery>,
}

impl Engine {
    /// The endpoint and the Socket.IO server behind it.
    #[must_use]
    pub fn new(
        settings: Settings,
        (limits, admission): (Arc<Limits>, Admission),
        connections: Arc<Connections>,
        metrics: Arc<Metrics>,
        phase: watch::Receiver<Phase>,
        recovery: Arc<Recovery>,
    ) -> (Self, SocketIo) {
        let builder = socketioxide::SocketIo::builder()
            .with_adapter::<Recording>(Arc::clone(&recovery))
            .req_path(settings.path.clone())
            .ping_interval(settings.ping_interval)
            .ping_timeout(settings.ping_timeout)
            .upgrade_timeout(UPGRADE_TIMEOUT)
            .max_payload(u64::from(limits.message_size))
            .ws_max_message_size(limits.message_size as usize)
            .ws_max_frame_size(limits.message_size as usize)
            // An eighth of the default: most messages are shorter, and the buffer lives as long as the socket. A longer one is read in two.
            .ws_read_buffer_size(512);
        let builder = match (settings.allows(Transport::Websocket), settings.allows(Transport::Polling)) {
            (true, false) => builder.transports([TransportType::Websocket]),
            (false, true) => builder.transports([TransportType::Polling]),
            (true, true) | (false, false) => builder,
        };
        let (service, io) = builder.build_with_inner_svc(Nowhere);
        let shared = Shared { service, settings, limits, admission, connections, metrics, phase, recovery };
        (Self { shared: Arc::new(shared) }, io)
    }

    /// Closes sessions at once, whatever their transport.
    pub async fn close(&self, handles: &[Handle], farewell: Farewell) {
        for handle in handles {
            match handle {
                Handle::WebSocket(line) => line.cut(farewell),
                Handle::Polling(sid, poll) => {
                    poll.note(farewell.cause);
                    self.close_polling(*sid).await;
                }
            }
        }
    }

    /// Closes a polling session the way its own client would. A waiting poll is answered; a later one hears that the session is unknown.
    pub async fn close_polling(&self, sid: Sid) {
        let uri = format!("{}/?EIO=4&transport=polling&sid={sid}", self.shared.settings.path);
        let request = Request::builder().method(Method::POST).uri(uri).body(Full::new(Bytes::from_static(b"1")));
        let request = request.expect("a path and a session id make a URI");
        let answer = self.call_service(request).await;
        self.shared.connections.forget(&sid);
        tracing::debug!(%sid, status = answer.as_ref().map_or(0, |answer| answer.0.as_u16()), "session closed by the server");
    }

    async fn handle<B>(self, request: Request<B>) -> Result<FullResponse, Refusal>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let settings = &self.shared.settings;
        if request.uri().path().strip_suffix('/').unwrap_or(request.uri().path()) != settings.path {
            let detail = format!(
                "the Socket.IO endpoint of this service is {path}, not here; clients set it as option `path: '{path}'`",
                path = settings.path
            );
            return Err(Refusal::new(Code::BadRequest, detail).status(StatusCode::NOT_FOUND));
        }
        let ask = query::read(request.method(), request.headers(), request.uri().query(), settings)?;
        match ask {
            Ask::Handshake { eio } => {
                let place = self.admit()?;
                self.handshake(eio, place, request).await
            }
            Ask::Poll { eio, sid } => self.poll(eio, sid, request).await,
            Ask::Post { sid } => self.post(sid, request).await,
            Ask::Upgrade { eio, sid: None } => {
                let place = self.admit()?;
                self.upgrade(eio, Claim::New(place), request)
            }
            Ask::Upgrade { eio, sid: Some(sid) } => self.upgrade(eio, Claim::Of(sid), request),
        }
    }

    fn admit(&self) -> Result<Place, Refusal> {
        if *self.shared.phase.borrow() == Phase::Draining {
            let detail = "this server is shutting down; connect again";
            let refusal = Refusal::new(Code::BadRequest, detail).status(StatusCode::SERVICE_UNAVAILABLE);
            return Err(refusal.reason("shutting_down").retry_after(1));
        }
        self.shared.admission.admit().map_err(Overload::refusal)
    }

    fn opened(&self, transport: Transport, eio: u8) {
        let eio = if eio == 3 { "3" } else { "4" };
        let labels = metrics::Handshake { verdict: "accepted", reason: "", transport: transport.as_str(), eio };
        self.shared.metrics.handshakes.get_or_create(&labels).inc();
    }
}

impl<B> Service<Request<B>> for Engine
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    type Response = FullResponse;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<FullResponse, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let engine = self.clone();
        Box::pin(async move {
            let metrics = Arc::clone(&engine.shared.metrics);
            let opens = metrics::Opening::of(&request);
            Ok(engine.handle(request).await.unwrap_or_else(|refusal| {
                if let Some(opens) = opens {
                    metrics.handshakes.get_or_create(&opens.refused(refusal.word())).inc();
                }
                metrics.refusals.get_or_create(&metrics::Code { code: refusal.code as u8 }).inc();
                refusal.response()
            }))
        })
    }
}
