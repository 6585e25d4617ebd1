//! A span for each request that wants a session, from its verdict to its answer, where traces are sent. Elsewhere there is none, and
//! what is asked here is one number.

use http::Request;
use realtime_telemetry::SPANS;
use tracing::{Level, Span, field::Empty, info_span, span_enabled};

use super::{Door, received};
use crate::{denied::SentOrigin, refusal::FullResponse};

/// Longest origin that is told.
const LONGEST_ORIGIN: usize = 256;

/// The span of a request; none for those of a session that is open already, and for preflights.
pub(super) fn handshake<B>(door: Door, request: &Request<B>) -> Span {
    if !span_enabled!(target: SPANS, Level::INFO) {
        return Span::none();
    }
    let transport = match door {
        Door::Polling => "polling",
        Door::Upgrade => "websocket",
        Door::Preflight => return Span::none(),
    };
    let mut query = request.uri().query().unwrap_or_default().split('&');
    if query.any(|pair| pair.starts_with("sid=")) {
        return Span::none();
    }
    let origin = SentOrigin::cut(received(request.headers()), LONGEST_ORIGIN).shown();
    info_span!(target: SPANS, parent: None, "handshake", otel.kind = "server", transport, origin,
        verdict = Empty, reason = Empty, http.response.status_code = Empty, otel.status_code = Empty)
}

/// What the policy said.
pub(super) fn judged(span: &Span, verdict: &'static str, reason: &'static str) {
    span.record("verdict", verdict).record("reason", reason);
}

/// What the client is told.
pub(super) fn answered(span: &Span, response: &FullResponse) {
    span.record("http.response.status_code", response.status().as_u16());
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}
