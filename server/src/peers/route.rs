//! Between the gate and the engine: sends a request to the replica that its session is on. The gate has decided by then, and the other
//! replica's decides again.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use tower::Service;

use super::{
    Peers,
    names::{Tag, Whose},
};
use crate::{
    engine::query::{upgrades, value},
    refusal::FullResponse,
};

/// Sends requests where their sessions are.
#[derive(Clone, Debug)]
pub struct Router<S> {
    inner: S,
    peers: Option<Arc<Peers>>,
    path: Arc<str>,
}

impl<S> Router<S> {
    /// In front of the service that has this replica's sessions, at a path; without peers all are here.
    #[must_use]
    pub fn new(inner: S, peers: Option<Arc<Peers>>, path: &str) -> Self {
        Self { inner, peers, path: path.into() }
    }
}

/// Where a request goes.
enum Way {
    /// To the engine, as it is.
    Here,
    /// To the engine; it opens a session by polling.
    Opens,
    /// To the engine, by this URI.
    Own(Uri),
    /// To another replica, by this URI.
    Other { uri: Uri, sid: String, tag: Tag },
}

impl<S> Router<S> {
    fn way<B>(&self, peers: &Peers, request: &Request<B>) -> Way {
        let (uri, query) = (request.uri(), request.uri().query().unwrap_or_default());
        if uri.path().strip_suffix('/').unwrap_or(uri.path()) != &*self.path {
            return Way::Here;
        }
        let Some(text) = value(query, "sid") else {
            return if value(query, "transport") == Some("polling") { Way::Opens } else { Way::Here };
        };
        let is_known = matches!(*request.method(), Method::GET | Method::POST);
        match peers.names.read(text) {
            Whose::Own(sid) => Way::Own(with_sid(uri, text, sid)),
            Whose::Other(sid, tag) if is_known => {
                Way::Other { uri: with_sid(uri, text, sid), sid: sid.to_owned(), tag }
            }
            Whose::Other(..) | Whose::Unknown => Way::Here,
        }
    }
}

impl<S, B> Service<Request<B>> for Router<S>
where
    S: Service<Request<B>, Response = FullResponse, Error = Infallible>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    type Response = FullResponse;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<FullResponse, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Some(peers) = self.peers.clone() else { return Box::pin(self.inner.call(request)) };
        match self.way(&peers, &request) {
            Way::Here => Box::pin(self.inner.call(request)),
            Way::Opens => {
                let answer = self.inner.call(request);
                Box::pin(async move { Ok(named(&peers, answer.await?).await) })
            }
            Way::Own(uri) => {
                *request.uri_mut() = uri;
                Box::pin(self.inner.call(request))
            }
            Way::Other { uri, sid, tag } => {
                *request.uri_mut() = uri;
                let upgrades = upgrades(request.headers());
                Box::pin(async move {
                    let door = if upgrades { "upgrade" } else { "polling" };
                    let Some(to) = peers.find(tag).await else { return Ok(peers.forwarder.lost(door)) };
                    Ok(match upgrades {
                        true => peers.forwarder.upgrade(to, &sid, request).await,
                        false => peers.forwarder.poll(to, request).await,
                    })
                })
            }
        }
    }
}

/// The id as the engine knows it instead of the one that the client has.
fn with_sid(uri: &Uri, text: &str, sid: &str) -> Uri {
    let part = uri.path_and_query().map_or("/", |part| part.as_str());
    let (path, query) = part.split_once('?').unwrap_or((part, ""));
    let pair = format!("sid={text}");
    let pairs = query.split('&').map(|own| if own == pair { format!("sid={sid}") } else { own.to_owned() });
    let query = pairs.collect::<Vec<_>>().join("&");
    format!("{path}?{query}").parse().expect("what was a URI is one when it is shorter")
}

/// The answer to a handshake, with an id that names this replica.
async fn named(peers: &Peers, response: FullResponse) -> FullResponse {
    if response.status() != StatusCode::OK {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body = std::str::from_utf8(&body)
        .ok()
        .and_then(|packet| renamed(packet, |sid| peers.names.written(sid)))
        .unwrap_or(body);
    FullResponse::from_parts(parts, Full::new(body))
}

/// An open packet, with its length before it in Engine.IO 3.
fn renamed(packet: &str, name: impl FnOnce(&str) -> String) -> Option<Bytes> {
    let (head, rest) = packet.split_once("\"sid\":\"")?;
    let (sid, rest) = rest.split_once('"')?;
    let (length, head) = head
        .split_once(':')
        .filter(|(length, _)| !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()))
        .unzip();
    let head = head.unwrap_or(packet.split_once("\"sid\":\"")?.0);
    let packet = format!("{head}\"sid\":\"{}\"{rest}", name(sid));
    Some(match length {
        Some(_) => format!("{}:{packet}", packet.chars().count()).into(),
        None => packet.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_get_the_longer_id() {
        let named = |packet| renamed(packet, |sid| format!("{sid}+")).expect("an open packet");
        assert_eq!(named(r#"0{"sid":"ab","upgrades":[]}"#), r#"0{"sid":"ab+","upgrades":[]}"#);
        assert_eq!(named(r#"27:0{"sid":"ab","upgrades":[]}"#), r#"28:0{"sid":"ab+","upgrades":[]}"#);
        assert_eq!(renamed("2probe", str::to_owned), None);
    }

    #[test]
    fn nothing_of_a_request_changes_but_the_id() {
        let uri = "/s/?EIO=4&sid=abc&t=sid&x=1%20&asid=abc&sid=abc".parse().expect("a URI");
        assert_eq!(with_sid(&uri, "abc", "a").to_string(), "/s/?EIO=4&sid=a&t=sid&x=1%20&asid=abc&sid=a");
    }
}
