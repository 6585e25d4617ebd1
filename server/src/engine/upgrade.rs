//! The WebSocket upgrade (RFC 6455, section 4.2). The engine would answer 101 first and look at the session afterwards; here everything is
//! decided before, and the wire stays in the server's own hands.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use realtime_crds::v1alpha1::Transport;
use sha1::{Digest, Sha1};
use tokio::time;

use super::{Engine, compact, query};
use crate::{
    connections::{Claim, Opened, Ticket},
    gate::FromOrigin,
    http_io::HttpIo,
    line::Wire,
    refusal::{Code, FullResponse, Refusal},
};

/// How long it may take until the client has the 101.
const SWITCH_TIMEOUT: Duration = Duration::from_secs(10);

impl Engine {
    pub(super) fn upgrade<B>(self, eio: u8, claim: Claim, mut request: Request<B>) -> Result<FullResponse, Refusal> {
        let accept = accept(&request)?;
        let switch = hyper::upgrade::on(&mut request);
        let (parts, _) = request.into_parts();
        let bad = || {
            Refusal::new(Code::BadRequest, "the connection cannot be upgraded")
                .status(StatusCode::INTERNAL_SERVER_ERROR)
        };
        let origin = parts.extensions.get::<FromOrigin>().map(|from| Arc::clone(&from.0)).ok_or_else(bad)?;
        let is_new = matches!(claim, Claim::New(_));
        let ticket = match self.shared.connections.open_websocket(origin, eio, claim) {
            Opened::Yes(ticket) => *ticket,
            Opened::UnknownSession => return Err(query::unknown_session()),
            Opened::Taken => return Err(Refusal::new(Code::BadRequest, "this session has a WebSocket already")),
        };
        if is_new {
            self.opened(Transport::Websocket, eio);
        }
        let copy = compact::copy(&parts, http::Extensions::new());
        drop(parts);
        tokio::spawn(self.switch(eio, switch, copy, ticket));
        Ok(switching(accept))
    }

    async fn switch(self, eio: u8, switch: OnUpgrade, request: Request<()>, mut ticket: Ticket) {
        if let Some(sid) = ticket.sid {
            let engine = self.clone();
            // An upgrade that fails half-way leaves the session between two transports.
            ticket.when_ended(move |sid| drop(tokio::spawn(async move { engine.close_polling(sid).await })));
            tracing::trace!(%sid, "session upgrades");
        }
        let upgraded = match time::timeout(SWITCH_TIMEOUT, switch).await {
            Ok(Ok(upgraded)) => upgraded,
            Ok(Err(error)) => return tracing::debug!(%error, "the client went away during its upgrade"),
            Err(_) => return tracing::debug!("the upgrade took too long"),
        };
        let Ok(parts) = upgraded.downcast::<TokioIo<HttpIo>>() else {
            return tracing::error!("an upgraded connection is not what was accepted");
        };
        let early = Bytes::copy_from_slice(&parts.read_buf);
        let wire = Wire::new(parts.io.into_inner().into_stream(), early, ticket);
        // The engine's future has room for each of the places to which it moves the wire.
        let wire = Box::new(self.shared.recovery.watch(wire, eio));
        if let Err(error) = hyper::service::Service::call(&self.shared.service, (wire, request)).await {
            tracing::error!(%error, "the engine refused what was checked");
        }
    }
}

fn accept<B>(request: &Request<B>) -> Result<HeaderValue, Refusal> {
    let headers = request.headers();
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let refusal = Refusal::new(Code::BadRequest, "a WebSocket needs the header Sec-WebSocket-Version: 13");
        return Err(refusal.status(StatusCode::UPGRADE_REQUIRED));
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if BASE64_STANDARD.decode(key).map_or(0, |nonce| nonce.len()) != 16 {
        return Err(Refusal::new(
            Code::BadRequest,
            "the header Sec-WebSocket-Key is missing or is not 16 bytes in base64",
        ));
    }
    let digest = Sha1::new().chain_update(key).chain_update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    Ok(HeaderValue::from_str(&BASE64_STANDARD.encode(digest)).expect("base64 is a header value"))
}

fn switching(accept: HeaderValue) -> FullResponse {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_rfc_6455_gets_its_answer() {
        let request = Request::builder().header("sec-websocket-version", "13");
        let request = request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==").body(()).expect("a request");
        assert_eq!(accept(&request).expect("accepted"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for key in ["", "c2hvcnQ=", "not base64", "dGhlIHNhbXBsZSBub25jZSBpcyBsb25n"] {
            let request = Request::builder().header("sec-websocket-version", "13").header("sec-websocket-key", key);
            assert!(accept(&request.body(()).expect("a request")).is_err(), "{key}");
        }
    }
}
