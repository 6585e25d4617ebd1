//! One request to another replica and its answer back, as they are but for what belongs to the connection. The gate of either side has its own
//! word: the headers that let a page read an answer are put on by the replica that the client speaks with.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header, request::Parts};
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::upgrade::OnUpgrade;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::TcpStream, time};

use super::{
    Body,
    port::MOVE_PATH,
    tunnel::{Ends, Tunnels},
};
use crate::{
    engine::polling::{BODY_TIMEOUT, collect},
    metrics::{Forward, Metrics},
    overload::Limits,
    refusal::{Code, FullResponse, Refusal},
};

/// Within a cluster a connection is there at once, or its other end is not.
const CONNECT: Duration = Duration::from_secs(1);
/// How long a replica may take over an upgrade, or over being told to move a session.
const ANSWER: Duration = Duration::from_secs(5);
/// Connections that nobody uses are closed sooner than the other side does, so that no request meets one that closes.
const IDLE: Duration = Duration::from_secs(60);
/// Of a connection alone, or written by whoever sends.
const OWN: [HeaderName; 8] = [
    header::CONNECTION,
    header::UPGRADE,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::EXPECT,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
];
/// What an answer brings; all other headers are those of the replica that passes it on.
const ANSWERED: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::CACHE_CONTROL, header::RETRY_AFTER, header::SEC_WEBSOCKET_ACCEPT];

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The replica is not there, or went away.
    Gone,
    /// It did not answer.
    Late,
}

/// Hands requests to other replicas.
#[derive(Debug)]
pub(super) struct Forwarder {
    client: Client<HttpConnector, Body>,
    /// No poll waits longer.
    patience: Duration,
    lost_after: Duration,
    longest: usize,
    message_size: u32,
    tunnels: Arc<Tunnels>,
    metrics: Arc<Metrics>,
}

impl Forwarder {
    pub(super) fn new(limits: &Limits, lost_after: Duration, tunnels: Arc<Tunnels>, metrics: Arc<Metrics>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        connector.set_tcp_user_timeout(Some(lost_after));
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector);
        // All that waits for a client, in base64.
        let longest = 2 * (limits.send_buffer + limits.message_size as usize) + (1 << 20);
        Self {
            client,
            patience: lost_after + BODY_TIMEOUT,
            lost_after,
            longest,
            message_size: limits.message_size,
            tunnels,
            metrics,
        }
    }

    /// A poll, or messages: those as far as this replica would take them too.
    pub(super) async fn poll<B>(&self, to: SocketAddr, request: Request<B>) -> FullResponse
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let body = match collect(body, self.message_size).await {
            Ok(body) => body,
            Err(refusal) => return refusal.response(),
        };
        let mut onward = Request::new(Full::new(body));
        *onward.method_mut() = parts.method.clone();
        *onward.uri_mut() = at(to, &parts.uri);
        *onward.headers_mut() = headers(&parts);
        let _waiting = self.tunnels.waits();
        let answer = time::timeout(self.patience, self.ask(onward)).await.unwrap_or(Err(Failure::Late));
        self.count("polling", answer.as_ref().err());
        answer.unwrap_or_else(Failure::response)
    }

    async fn ask(&self, request: Request<Body>) -> Result<FullResponse, Failure> {
        let answer = self.client.request(request).await.map_err(|error| {
            tracing::debug!(%error, "a replica cannot be reached");
            Failure::Gone
        })?;
        self.whole(answer).await
    }

    async fn whole(&self, answer: Response<hyper::body::Incoming>) -> Result<FullResponse, Failure> {
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, self.longest).collect().await.map_err(|_| Failure::Gone)?;
        let mut response = Response::new(Full::new(body.to_bytes()));
        *response.status_mut() = parts.status;
        *response.headers_mut() = answered(&parts.headers);
        Ok(response)
    }

    /// A WebSocket that takes over a session from polling.
    pub(super) async fn upgrade<B>(&self, to: SocketAddr, sid: &str, mut request: Request<B>) -> FullResponse {
        let client = hyper::upgrade::on(&mut request);
        let (parts, _) = request.into_parts();
        let answer = self.switch(to, sid, &parts, client).await;
        self.count("upgrade", answer.as_ref().err());
        answer.unwrap_or_else(Failure::response)
    }

    async fn switch(
        &self,
        to: SocketAddr,
        sid: &str,
        parts: &Parts,
        client: OnUpgrade,
    ) -> Result<FullResponse, Failure> {
        let stream = time::timeout(CONNECT, TcpStream::connect(to)).await.map_err(|_| Failure::Gone)?;
        let stream = stream.map_err(|_| Failure::Gone)?;
        stream.set_nodelay(true).ok();
        socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(self.lost_after)).ok();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|_| Failure::Gone)?;
        tokio::spawn(connection.with_upgrades());
        let mut onward = Request::new(Empty::<Bytes>::new());
        *onward.uri_mut() = parts.uri.path_and_query().map_or_else(Uri::default, |part| part.clone().into());
        *onward.headers_mut() = headers(parts);
        onward.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        onward.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        let answer = time::timeout(ANSWER, sender.send_request(onward)).await.map_err(|_| Failure::Late)?;
        let mut answer = answer.map_err(|_| Failure::Gone)?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return time::timeout(ANSWER, self.whole(answer)).await.unwrap_or(Err(Failure::Late));
        }
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = answered(answer.headers());
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        response.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        let peer = hyper::upgrade::on(&mut answer);
        Tunnels::open(&self.tunnels, Ends { to, sid: sid.to_owned() }, client, peer);
        Ok(response)
    }

    /// Tells a replica to move a session away. False when it cannot be told.
    pub(super) async fn ask_to_move(&self, ends: &Ends) -> bool {
        let uri = format!("http://{}{MOVE_PATH}?sid={}", ends.to, ends.sid);
        let request = Request::post(uri).body(Full::default()).expect("an address and a session id make a URI");
        let answer = time::timeout(ANSWER, self.client.request(request)).await;
        matches!(answer, Ok(Ok(answer)) if answer.status() == StatusCode::ACCEPTED)
    }

    fn count(&self, door: &'static str, failure: Option<&Failure>) {
        let outcome = match failure {
            None => "answered",
            Some(Failure::Gone) => "gone",
            Some(Failure::Late) => "late",
        };
        self.metrics.forwarded.get_or_create(&Forward { door, outcome }).inc();
    }

    /// A request whose replica is not among those of the service.
    pub(super) fn lost(&self, door: &'static str) -> FullResponse {
        self.count(door, Some(&Failure::Gone));
        Failure::Gone.response()
    }
}

impl Failure {
    fn response(self) -> FullResponse {
        match self {
            Self::Gone => {
                let detail = "the replica that this session was on has gone; connect again";
                Refusal::new(Code::SessionIdUnknown, detail).response()
            }
            Self::Late => {
                let refusal = Refusal::new(Code::BadRequest, "the replica that this session is on does not answer");
                refusal.status(StatusCode::GATEWAY_TIMEOUT).response()
            }
        }
    }
}

fn at(to: SocketAddr, uri: &Uri) -> Uri {
    let part = uri.path_and_query().map_or("/", |part| part.as_str());
    format!("http://{to}{part}").parse().expect("an address and a path make a URI")
}

fn headers(parts: &Parts) -> HeaderMap {
    let mut headers = parts.headers.clone();
    for name in OWN {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers
}

fn answered(headers: &HeaderMap) -> HeaderMap {
    ANSWERED.into_iter().filter_map(|name| headers.get(&name).cloned().map(|value| (name, value))).collect()
}
