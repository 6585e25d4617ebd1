//! The gate: outside authentication and Engine.IO. One decision for polling, preflight and upgrade, made from all `Origin`
//! headers of every request; preflights end here; whatever comes from inside leaves with the headers that let the page read it.

pub mod cors;
mod denial;
mod trace;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use origin_policy::{Decision, DenyReason, Mode, Received};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::watch;
use tower::{Layer, Service};
use tracing::{Instrument, Span};

use crate::{
    denied::{DeniedOrigins, SentOrigin},
    engine::query::upgrades,
    metrics::{Metrics, Opening, Verdict},
    policy::Policy,
    refusal::{FullResponse, Refusal},
};
use cors::Reader;

/// Puts the gate around a service.
#[derive(Clone, Debug)]
pub struct GateLayer {
    shared: Arc<Shared>,
}

/// The gate around a service.
#[derive(Clone, Debug)]
pub struct Gate<S> {
    inner: S,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    policy: watch::Receiver<Arc<Policy>>,
    denied: Arc<DeniedOrigins>,
    metrics: Arc<Metrics>,
    /// By door, so that requests that are allowed look no label up.
    allowed: [Counter; 3],
    log: LogLimit,
}

/// What stood in a request's `Origin` headers; the gate leaves it for whoever opens a session.
#[derive(Clone, Debug)]
pub struct FromOrigin(pub Arc<SentOrigin>);

/// By which of the three doors a request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Polling,
    Preflight,
    Upgrade,
}

impl Door {
    fn of(method: &Method, headers: &HeaderMap) -> Self {
        if method == Method::OPTIONS {
            Self::Preflight
        } else if upgrades(headers) {
            Self::Upgrade
        } else {
            Self::Polling
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::Preflight => "preflight",
            Self::Upgrade => "upgrade",
        }
    }
}

impl GateLayer {
    /// A gate by the policy in force.
    #[must_use]
    pub fn new(policy: watch::Receiver<Arc<Policy>>, denied: Arc<DeniedOrigins>, metrics: Arc<Metrics>) -> Self {
        let allowed = [Door::Polling, Door::Preflight, Door::Upgrade].map(|door| {
            let labels = Verdict { door: door.as_str(), verdict: "allowed", reason: "" };
            metrics.decisions.get_or_create_owned(&labels)
        });
        Self { shared: Arc::new(Shared { policy, denied, metrics, allowed, log: LogLimit::default() }) }
    }
}

impl<S> Layer<S> for GateLayer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Gate<S> {
        Gate { inner, shared: Arc::clone(&self.shared) }
    }
}

impl<S, B> Service<Request<B>> for Gate<S>
where
    S: Service<Request<B>, Response = FullResponse, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = FullResponse;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<FullResponse, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let policy = Arc::clone(&self.shared.policy.borrow());
        let door = Door::of(request.method(), request.headers());
        let span = trace::handshake(door, &request);
        let reader = match self.shared.judge(&policy, door, request.headers(), &span) {
            Ok(reader) => reader,
            Err(refusal) => {
                if let Some(opens) = Opening::of(&request).filter(|_| door != Door::Preflight) {
                    self.shared.metrics.handshakes.get_or_create(&opens.refused(refusal.word())).inc();
                }
                let response = refuse(&policy, door, &refusal);
                trace::answered(&span, &response);
                return Box::pin(std::future::ready(Ok(response)));
            }
        };
        if door == Door::Preflight {
            let response = preflight(&policy, &reader, request.headers());
            return Box::pin(std::future::ready(Ok(response)));
        }
        let origin = SentOrigin::cut(received(request.headers()), usize::MAX);
        request.extensions_mut().insert(FromOrigin(Arc::new(origin)));
        let answer = self.inner.call(request).instrument(span.clone());
        Box::pin(async move {
            let mut response = answer.await?;
            trace::answered(&span, &response);
            policy.cors.decorate(&reader, response.headers_mut());
            Ok(response)
        })
    }
}

impl Shared {
    fn judge(&self, policy: &Policy, door: Door, headers: &HeaderMap, span: &Span) -> Result<Reader, Refusal> {
        let received = received(headers);
        // A value that is not one header's value cannot be sent back either.
        let value = || headers.get(header::ORIGIN).filter(|_| matches!(received, Received::One(_))).cloned();
        let reason = match policy.origins.decide(received) {
            Decision::Allowed(_) => {
                self.allowed[door as usize].inc();
                trace::judged(span, "allowed", "");
                return Ok(value().map_or(Reader::Nobody, Reader::Allowed));
            }
            Decision::Denied(reason) => reason,
        };
        self.note(policy, door, received, reason);
        match policy.origins.mode() {
            Mode::Report => {
                self.count(door, "reported", reason.as_str());
                trace::judged(span, "reported", reason.as_str());
                Ok(value().map_or(Reader::Nobody, Reader::Reported))
            }
            Mode::Enforce => {
                self.count(door, "denied", reason.as_str());
                trace::judged(span, "denied", reason.as_str());
                Err(denial::refusal(received, &policy.origins.explain(received)))
            }
        }
    }

    fn count(&self, door: Door, verdict: &'static str, reason: &'static str) {
        self.metrics.decisions.get_or_create(&Verdict { door: door.as_str(), verdict, reason }).inc();
    }

    fn note(&self, policy: &Policy, door: Door, received: Received<'_>, reason: DenyReason) {
        let is_new = self.denied.record(received, reason);
        if is_new && self.log.permits() {
            let origin = SentOrigin::cut(received, 256).shown();
            let explanation = policy.origins.explain(received);
            tracing::warn!(
                origin,
                door = door.as_str(),
                reason = reason.as_str(),
                hint = explanation.hint.as_str(),
                mode = policy.origins.mode().as_str(),
                "origin is not allowed: {}",
                explanation.message
            );
        }
    }
}

/// All `Origin` headers of a request.
fn received(headers: &HeaderMap) -> Received<'_> {
    Received::from_values(headers.get_all(header::ORIGIN).iter().map(HeaderValue::as_bytes))
}

fn refuse(policy: &Policy, door: Door, refusal: &Refusal) -> FullResponse {
    let mut response = refusal.response();
    match door {
        Door::Preflight => cors::vary_preflight(response.headers_mut()),
        Door::Polling | Door::Upgrade => policy.cors.decorate(&Reader::Nobody, response.headers_mut()),
    }
    response
}

fn preflight(policy: &Policy, reader: &Reader, headers: &HeaderMap) -> FullResponse {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let is_preflight = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) && *reader != Reader::Nobody;
    if is_preflight {
        let asks_private = headers.get("access-control-request-private-network").is_some_and(|value| value == "true");
        policy.cors.permit(reader, asks_private, response.headers_mut());
    } else {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST, OPTIONS"));
        policy.cors.decorate(reader, response.headers_mut());
    }
    response
}

/// Distinct origins can be invented by the million; log lines about them cannot.
#[derive(Debug)]
pub(crate) struct LogLimit {
    start: Instant,
    /// Second since the start, and how many lines it has had.
    window: AtomicU64,
}

impl Default for LogLimit {
    fn default() -> Self {
        Self { start: Instant::now(), window: AtomicU64::new(0) }
    }
}

impl LogLimit {
    const LINES_A_SECOND: u64 = 5;

    pub(crate) fn permits(&self) -> bool {
        let second = self.start.elapsed().as_secs() + 1;
        let next = |window: u64| if window >> 8 == second { window + 1 } else { second << 8 | 1 };
        let allowed = |window: u64| window & 0xff <= Self::LINES_A_SECOND;
        let update = |window| Some(next(window)).filter(|window| allowed(*window));
        self.window.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update).is_ok()
    }
}
