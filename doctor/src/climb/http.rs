//! One request on a connection of its own, with everything that was sent and came back.

use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http1,
    upgrade::{self, Upgraded},
};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant as Deadline, timeout_at};

use super::line::Line;
use crate::{
    Target,
    engine::Revision,
    exchange::{Answer, Exchange, Failure, Outcome, Sent, shown, without_secrets},
    target::Protocol,
};

const BODY: usize = 64 * 1024;
/// Some firewalls answer programs with 403; a browser's beginning says what the requests are like.
const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("Mozilla/5.0 (compatible; realtime-doctor/", env!("CARGO_PKG_VERSION"), ")"));

/// A request to be made.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    origin: Option<&'a str>,
    plain: Vec<(HeaderName, HeaderValue)>,
    given: Vec<(HeaderName, HeaderValue)>,
    body: String,
    is_upgrade: bool,
}

impl<'a> Ask<'a> {
    /// A request of Engine.IO by polling.
    pub(super) fn polling(target: &Target, method: Method, revision: Revision, sid: Option<&str>) -> Self {
        Self::engine(target, method, revision, "polling", sid)
    }

    /// The opening of a WebSocket.
    pub(super) fn upgrade(target: &Target, revision: Revision, sid: Option<&str>, key: &str) -> Self {
        let mut ask = match target.protocol {
            Protocol::SocketIo => Self::engine(target, Method::GET, revision, "websocket", sid),
            Protocol::WebSocket => Self {
                query: Vec::new(),
                path: target.exact_path.clone(),
                ..Self::engine(target, Method::GET, revision, "", None)
            },
        };
        ask.is_upgrade = true;
        for (name, value) in [
            (header::CONNECTION, "Upgrade"),
            (header::UPGRADE, "websocket"),
            (header::SEC_WEBSOCKET_VERSION, "13"),
            (header::SEC_WEBSOCKET_KEY, key),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                ask.plain.push((name, value));
            }
        }
        ask
    }

    fn engine(target: &Target, method: Method, revision: Revision, transport: &str, sid: Option<&str>) -> Self {
        let mut query = vec![("EIO", revision.number().to_string()), ("transport", transport.to_owned())];
        query.extend(sid.map(|sid| ("sid", sid.to_owned())));
        let path = format!("{}/", target.path);
        Self {
            method,
            path,
            query,
            origin: None,
            plain: Vec::new(),
            given: Vec::new(),
            body: String::new(),
            is_upgrade: false,
        }
    }

    pub(super) fn origin(self, origin: Option<&'a str>) -> Self {
        Self { origin, ..self }
    }

    pub(super) fn path(self, path: &str) -> Self {
        Self { path: format!("{path}/"), ..self }
    }

    /// With a header that is no secret.
    pub(super) fn plain(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.plain.push((name, value));
        self
    }

    /// With headers whose values somebody gave.
    pub(super) fn with(mut self, given: Vec<(HeaderName, HeaderValue)>) -> Self {
        self.given.extend(given);
        self
    }

    pub(super) fn body(self, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..self }
    }

    fn made(&self, target: &Target) -> Result<(Request<Full<Bytes>>, Sent), Failure> {
        let mut url = target.url.clone();
        url.set_path(&self.path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let of = |url: &url::Url| match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let host = match target.url.port() {
            Some(port) => format!("{}:{port}", target.host()),
            None => target.host().to_owned(),
        };
        let mut headers: Vec<(HeaderName, HeaderValue, bool)> = Vec::new();
        let mut add = |name: HeaderName, value: &str| {
            headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value, false)));
        };
        add(header::HOST, &host);
        add(header::ACCEPT, "*/*");
        if let Some(origin) = self.origin {
            add(header::ORIGIN, origin);
        }
        if self.method == Method::POST {
            add(header::CONTENT_TYPE, "text/plain;charset=UTF-8");
            add(header::CONTENT_LENGTH, &self.body.len().to_string());
        }
        if !self.is_upgrade {
            add(HeaderName::from_static("sec-fetch-mode"), "cors");
            add(HeaderName::from_static("sec-fetch-site"), "cross-site");
        }
        headers.push((header::USER_AGENT, AGENT, false));
        headers.extend(self.plain.iter().cloned().map(|(name, value)| (name, value, false)));
        headers.extend(self.given.iter().cloned().map(|(name, value)| (name, value, true)));

        let shown_url = without_secrets(&url);
        let sent = Sent {
            method: self.method.to_string(),
            target: of(&shown_url),
            url: shown_url.to_string(),
            headers: headers.iter().map(|(name, value, given)| shown(name, value, *given)).collect(),
            body: self.body.clone(),
        };
        let mut request = Request::builder().method(self.method.clone()).uri(of(&url));
        for (name, value, _) in headers {
            request = request.header(name, value);
        }
        let request =
            request.body(Full::from(self.body.clone())).map_err(|error| Failure::NotHttp(error.to_string()))?;
        Ok((request, sent))
    }
}

impl Line {
    /// Makes one request, and reads its answer.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Exchange {
        self.exchange(ask).await.0
    }

    /// The same for an upgrade, with the connection if it was taken.
    pub(super) async fn exchange(&self, ask: Ask<'_>) -> (Exchange, Option<Upgraded>) {
        let (at, began) = (SystemTime::now(), Instant::now());
        let (outcome, upgraded, request) = match ask.made(&self.target) {
            Ok((request, sent)) => {
                let (outcome, upgraded) = self.send(request).await;
                (outcome, upgraded, sent)
            }
            Err(failure) => {
                let sent = Sent {
                    method: ask.method.to_string(),
                    url: String::new(),
                    target: String::new(),
                    headers: Vec::new(),
                    body: String::new(),
                };
                (Outcome::Failed(failure), None, sent)
            }
        };
        (Exchange { at, took: began.elapsed(), request, outcome, frames: Vec::new() }, upgraded)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> (Outcome, Option<Upgraded>) {
        let stream = match self.open().await {
            Ok(opened) => opened.stream,
            Err(no) => return (Outcome::Failed(no.into()), None),
        };
        let deadline = Deadline::now() + self.target.timeout;
        let (mut sender, connection) = match http1::Builder::new().handshake(TokioIo::new(stream)).await {
            Ok(both) => both,
            Err(error) => return (Outcome::Failed(of_hyper(&error)), None),
        };
        let connection = tokio::spawn(connection.with_upgrades());
        let answered = timeout_at(deadline, sender.send_request(request)).await;
        let (outcome, upgraded) = match answered {
            Ok(Ok(response)) => read(response, deadline).await,
            Ok(Err(error)) => (Outcome::Failed(of_hyper(&error)), None),
            Err(_) => (Outcome::Failed(Failure::NoAnswer(self.target.timeout)), None),
        };
        if upgraded.is_none() {
            connection.abort();
        }
        (outcome, upgraded)
    }
}

async fn read(response: Response<Incoming>, deadline: Deadline) -> (Outcome, Option<Upgraded>) {
    let (status, headers) = (response.status(), response.headers().clone());
    if status == StatusCode::SWITCHING_PROTOCOLS {
        let upgraded = timeout_at(deadline, upgrade::on(response)).await.ok().and_then(Result::ok);
        return (Outcome::Answer(Answer { status, headers, body: Vec::new() }), upgraded);
    }
    let mut incoming = response.into_body();
    let mut body = Vec::new();
    // A body that goes on is judged by how it begins.
    while let Ok(Some(Ok(frame))) = timeout_at(deadline, incoming.frame()).await {
        if let Some(data) = frame.data_ref() {
            body.extend_from_slice(&data[..data.len().min(BODY - body.len())]);
        }
        if body.len() >= BODY {
            break;
        }
    }
    (Outcome::Answer(Answer { status, headers, body }), None)
}

fn of_hyper(error: &hyper::Error) -> Failure {
    if error.is_parse() { Failure::NotHttp(error.to_string()) } else { Failure::Closed }
}
