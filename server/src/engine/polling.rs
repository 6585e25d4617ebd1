//! Polling: handshakes, polls and posts, and answers as the Node.js server would give them.

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use realtime_crds::v1alpha1::Transport;
use socketioxide::socket::Sid;
use tokio::time;

use super::{Engine, compact, query};
use crate::{
    connections::{Handle, Poll},
    farewell::{Cause, Farewell},
    gate::FromOrigin,
    overload::Place,
    refusal::{Code, FullResponse, Refusal},
};

/// How long a client may take to send the body of a request.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) type Answer = (StatusCode, HeaderMap, Bytes);

impl Engine {
    pub(super) async fn handshake<B>(
        self,
        eio: u8,
        place: Place,
        request: Request<B>,
    ) -> Result<FullResponse, Refusal> {
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
        ticket.opened(sid, eio, origin, place);
        self.opened(Transport::Polling, eio);
        Ok(response(status, headers, body.clone()))
    }

    pub(super) async fn poll<B>(self, eio: u8, sid: Sid, request: Request<B>) -> Result<FullResponse, Refusal> {
        let session = self.shared.connections.poll(&sid);
        let is_browser = request.headers().contains_key("sec-fetch-mode");
        let mut abandoned = AbandonedPoll { engine: Some(self.clone()), sid };
        let copy = bare(&request, Full::default());
        // From here on nothing keeps the read buffer alive while the poll waits.
        drop(request);
        let answer = tokio::select! {
            // What there is for the client goes before the farewell.
            biased;
            () = refused(session.as_deref()) => None,
            answer = self.call_service(copy) => Some(answer),
            () = leaving(session.as_deref()) => None,
        };
        abandoned.engine = None;
        let Some(answer) = answer else {
            if let Some(session) = session {
                session.told();
                // Whoever moves a session closes it; this one was cut off.
                if !session.is_departing() {
                    tokio::spawn(async move { self.close_polling(sid).await });
                }
            }
            return Ok(farewell(eio, is_browser));
        };
        let (status, headers, body) = answer.map_err(|_| broken())?;
        if status != StatusCode::OK {
            return Err(mended(status, &body, "another poll of this session was open; a client polls once at a time"));
        }
        let body = if eio == 3 { body } else { self.shared.recovery.mend(body) };
        if let Some(session) = session {
            session.sent(&body, &self.shared.metrics.traffic(Transport::Polling));
        }
        Ok(response(status, headers, body))
    }

    pub(super) async fn post<B>(self, sid: Sid, request: Request<B>) -> Result<FullResponse, Refusal>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let session = self.shared.connections.poll(&sid);
        let _post = session.as_ref().map(|session| session.posts());
        let (parts, body) = request.into_parts();
        let body = collect(body, self.shared.limits.message_size).await.inspect_err(|refusal| {
            if let (Some(session), true) = (&session, refusal.has(StatusCode::PAYLOAD_TOO_LARGE)) {
                session.note(Cause::MessageTooBig);
            }
        })?;
        if let Some(session) = &session {
            self.pace(sid, session, &body).await?;
        }
        let copy = bare(&Request::from_parts(parts, ()), Full::new(body));
        let (status, headers, body) = self.call_service(copy).await.map_err(|_| broken())?;
        match status {
            StatusCode::OK => {
                if session.as_ref().is_some_and(|session| session.cause() == Some(Cause::Client)) {
                    // One that never came as far as a CONNECT is held by the engine until its timers run out.
                    self.shared.connections.forget(&sid);
                }
                Ok(response(status, headers, body))
            }
            status => Err(mended(status, &body, "the body is no Engine.IO payload")),
        }
    }

    /// A client that sends too fast waits, and the connection of one that does not stop ends.
    async fn pace(&self, sid: Sid, session: &Poll, body: &Bytes) -> Result<(), Refusal> {
        match session.received(body, &self.shared.metrics.traffic(Transport::Polling)) {
            Ok(None) => Ok(()),
            Ok(Some(pause)) => {
                time::sleep(pause).await;
                Ok(())
            }
            Err(farewell) => {
                session.note(farewell.cause);
                self.close_polling(sid).await;
                Err(Refusal::new(Code::BadRequest, farewell.reason).status(StatusCode::TOO_MANY_REQUESTS))
            }
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
        let Some(engine) = self.engine.take() else { return };
        let Some(session) = engine.shared.connections.poll(&self.sid) else { return };
        if tokio::runtime::Handle::try_current().is_ok() {
            let handle = Handle::Polling(self.sid, session);
            tokio::spawn(async move { engine.close(&[handle], Farewell::ABANDONED).await });
        }
    }
}

async fn refused(session: Option<&Poll>) {
    match session {
        Some(session) => session.refused().await,
        None => std::future::pending().await,
    }
}

async fn leaving(session: Option<&Poll>) {
    match session {
        Some(session) => session.leaving().await,
        None => std::future::pending().await,
    }
}

/// The end of a session, in words after which each client comes back: python-socketio stays away after a close packet, and in a
/// browser an error would stand in the console.
fn farewell(eio: u8, is_browser: bool) -> FullResponse {
    if !is_browser {
        return query::unknown_session().response();
    }
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=UTF-8"));
    response(StatusCode::OK, headers, Bytes::from_static(if eio == 3 { b"1:1" } else { b"1" }))
}

/// The body of a request that carries messages.
pub(crate) async fn collect<B>(body: B, most: u32) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    let too_large = || {
        let detail = format!("a payload has at most {most} bytes");
        Refusal::new(Code::BadRequest, detail).status(StatusCode::PAYLOAD_TOO_LARGE)
    };
    if body.size_hint().lower() > u64::from(most) {
        return Err(too_large());
    }
    let body = body.map_err(|error| std::io::Error::other(error.to_string()));
    match time::timeout(BODY_TIMEOUT, Limited::new(body, most as usize).collect()).await {
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

/// The engine's refusals, in words for people.
fn mended(status: StatusCode, body: &[u8], otherwise: &'static str) -> Refusal {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let code = body["code"].as_u64().and_then(Code::of);
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
}
