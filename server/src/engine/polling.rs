//! Polling: handshakes, polls and posts, and answers as the Node.js server would give them.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use realtime_crds::v1alpha1::Transport;
use socketioxide::socket::Sid;
use tokio::time;

use super::{Engine, MAX_PAYLOAD, compact, eio3, query};
use crate::{
    gate::FromOrigin,
    refusal::{Code, FullResponse, Refusal},
};

/// How long a client may take to send the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) type Answer = (StatusCode, HeaderMap, Bytes);

impl Engine {
    pub(super) async fn handshake<B>(self, eio: u8, request: Request<B>) -> Result<FullResponse, Refusal> {
        let (parts, _) = request.into_parts();
        let ticket = self.shared.connections.polling_ticket();
        let mut extensions = http::Extensions::new();
        extensions.insert(Arc::clone(&ticket));
        let copy = compact::copy(&parts, extensions).map(|()| Full::default());
        let (status, headers, body) = self.call_service(copy).await.map_err(|_| broken())?;
        if status != StatusCode::OK {
            return Err(mended(status, &body, "the handshake was refused"));
        }
        let text = std::str::from_utf8(&body).map_err(|_| broken())?;
        let sid = session_id(text).ok_or_else(broken)?;
        let origin = parts.extensions.get::<FromOrigin>().map(|from| Arc::clone(&from.0)).ok_or_else(broken)?;
        ticket.opened(sid, origin);
        self.opened(Transport::Polling, eio);
        let body =
            if self.shared.settings.allows(Transport::Websocket) { body.clone() } else { without_upgrades(text, eio) };
        Ok(response(status, headers, body))
    }

    pub(super) async fn poll<B>(self, eio: u8, sid: Sid, request: Request<B>) -> Result<FullResponse, Refusal> {
        let mut abandoned = AbandonedPoll { engine: Some(self.clone()), sid };
        let copy = bare(&request, Full::default());
        // From here on nothing keeps the read buffer alive while the poll waits.
        drop(request);
        let answer = self.call_service(copy).await;
        abandoned.engine = None;
        let (status, headers, body) = answer.map_err(|_| broken())?;
        match status {
            StatusCode::OK if eio == 3 => Ok(response(status, headers, eio3::with_typed_attachments(body))),
            StatusCode::OK => Ok(response(status, headers, self.shared.recovery.mend(body))),
            status => {
                Err(mended(status, &body, "another poll of this session was open; a client polls once at a time"))
            }
        }
    }

    pub(super) async fn post<B>(self, request: Request<B>) -> Result<FullResponse, Refusal>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let body = collect(body).await?;
        let copy = bare(&Request::from_parts(parts, ()), Full::new(body));
        let (status, headers, body) = self.call_service(copy).await.map_err(|_| broken())?;
        match status {
            StatusCode::OK => Ok(response(status, headers, body)),
            status => Err(mended(status, &body, "the body is no Engine.IO payload")),
        }
    }

    /// The engine's answers are complete when they come; an error is impossible and is passed on all the same.
    pub(super) async fn call_service(&self, request: Request<Full<Bytes>>) -> Result<Answer, Cow<'static, str>> {
        let answer = hyper::service::Service::call(&self.shared.service, request).await;
        let answer = answer.map_err(|error| Cow::from(error.to_string()))?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| Cow::from(error.to_string()))?.to_bytes();
        Ok((parts.status, parts.headers, body))
    }
}

/// A client that hangs up in the middle of a poll is gone. The engine would keep its session until a ping fails, Node.js ends it at once.
struct AbandonedPoll {
    engine: Option<Engine>,
    sid: Sid,
}

impl Drop for AbandonedPoll {
    fn drop(&mut self) {
        let Some(engine) = self.engine.take().filter(|engine| engine.shared.connections.polls(&self.sid)) else {
            return;
        };
        let sid = self.sid;
        if tokio::runtime::Handle::try_current().is_ok() {
            let handle = crate::connections::Handle::Polling(sid);
            tokio::spawn(async move { engine.close(&[handle], crate::line::Farewell::SHUTDOWN, "abandoned").await });
        }
    }
}

async fn collect<B>(body: B) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    let too_large = || {
        let detail = format!("a payload has at most {MAX_PAYLOAD} bytes");
        Refusal::new(Code::BadRequest, detail).status(StatusCode::PAYLOAD_TOO_LARGE)
    };
    if body.size_hint().lower() > u64::from(MAX_PAYLOAD) {
        return Err(too_large());
    }
    let body = body.map_err(|error| std::io::Error::other(error.to_string()));
    match time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_PAYLOAD as usize).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(Refusal::new(Code::BadRequest, format!("the body was cut off: {error}"))),
        Err(_) => {
            let refusal = Refusal::new(Code::BadRequest, "the body came too slowly");
            Err(refusal.status(StatusCode::REQUEST_TIMEOUT))
        }
    }
}

fn bare<B>(request: &Request<B>, body: Full<Bytes>) -> Request<Full<Bytes>> {
    let mut copy = Request::new(body);
    *copy.method_mut() = if request.method() == Method::POST { Method::POST } else { Method::GET };
    *copy.uri_mut() = compact::uri(request.uri());
    if let Some(kind) = request.headers().get(header::CONTENT_TYPE) {
        copy.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    copy
}

fn response(status: StatusCode, headers: HeaderMap, body: Bytes) -> FullResponse {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    // The length is the body's own, which may have been mended.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// The engine writes codes as strings and leaves some bodies empty.
fn mended(status: StatusCode, body: &[u8], otherwise: &'static str) -> Refusal {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let code = body["code"].as_u64().or_else(|| body["code"].as_str()?.parse().ok()).and_then(Code::of);
    match code {
        Some(Code::SessionIdUnknown) => query::unknown_session(),
        Some(Code::BadRequest) => Refusal::new(Code::BadRequest, "this session has moved to another transport"),
        Some(code) => Refusal::new(code, ""),
        None => Refusal::new(Code::BadRequest, otherwise).status(status),
    }
}

fn broken() -> Refusal {
    Refusal::new(Code::BadRequest, "the server could not open the session").status(StatusCode::INTERNAL_SERVER_ERROR)
}

fn session_id(open_packet: &str) -> Option<Sid> {
    let (_, rest) = open_packet.split_once("\"sid\":\"")?;
    rest.split_once('"')?.0.parse().ok()
}

/// The engine offers the upgrade to WebSocket also where WebSocket is switched off.
fn without_upgrades(open_packet: &str, eio: u8) -> Bytes {
    let packet = open_packet.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(':');
    let packet = packet.unwrap_or(open_packet).replace("\"upgrades\":[\"websocket\"]", "\"upgrades\":[]");
    if eio == 3 { format!("{}:{packet}", packet.chars().count()).into() } else { packet.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: &str = r#"0{"sid":"AAAAAAAAAAAAAAHs","upgrades":["websocket"],"pingInterval":25000}"#;

    #[test]
    fn the_session_id_is_found_in_both_versions() {
        let sid = session_id(PACKET).expect("a session id");
        assert_eq!(sid.as_str(), "AAAAAAAAAAAAAAHs");
        assert_eq!(session_id(&format!("{}:{PACKET}", PACKET.len())), Some(sid));
        assert_eq!(session_id("0{}"), None);
    }

    #[test]
    fn an_upgrade_is_not_offered_where_there_is_none() {
        let expected = r#"0{"sid":"AAAAAAAAAAAAAAHs","upgrades":[],"pingInterval":25000}"#;
        assert_eq!(without_upgrades(PACKET, 4), expected);
        let v3 = without_upgrades(&format!("{}:{PACKET}", PACKET.len()), 3);
        assert_eq!(v3, format!("{}:{expected}", expected.len()));
    }
}
