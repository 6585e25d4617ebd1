//! Every request has an end, is counted, and is a span of the reconcile that it belongs to.
//!
//! The client has no time limit of its own, as a watch needs none. A request that the apiserver took and never answers, as when a
//! control plane is replaced, would hold its reconcile forever.

use std::time::Duration;

use realtime_telemetry::SPANS;
use tracing::{Instrument, field::Empty, info_span};

use crate::metrics::{Answer, Metrics, Verb};

const ANSWER: Duration = Duration::from_secs(30);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) verb: Verb,
    pub(crate) kind: &'static str,
    pub(crate) name: &'a str,
}

impl Request<'_> {
    /// Waits for the answer, and fails like a broken connection without one.
    pub(crate) async fn send<T>(
        self,
        metrics: &Metrics,
        request: impl Future<Output = kube::Result<T>>,
    ) -> kube::Result<T> {
        let Self { verb, kind, name } = self;
        let span = info_span!(target: SPANS, "request", otel.name = verb.as_str(), otel.kind = "client",
            kind, name, result = Empty, otel.status_code = Empty);
        let (answer, ended) = match tokio::time::timeout(ANSWER, request).instrument(span.clone()).await {
            Ok(answer) => {
                let ended = Answer::of(&answer);
                (answer, ended)
            }
            Err(_) => (Err(kube::Error::Service("the apiserver did not answer within 30 s".into())), Answer::Timeout),
        };
        metrics.answered(verb, kind, ended);
        span.record("result", ended.as_str());
        if ended.is_error() {
            span.record("otel.status_code", "ERROR");
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_without_an_answer_ends_and_is_counted_as_such() {
        let metrics = Metrics::default();
        let request = Request { verb: Verb::Get, kind: "Service", name: "chat" };
        assert!(request.send(&metrics, std::future::pending::<kube::Result<()>>()).await.is_err());
        let line = "realtime_operator_api_requests_total{verb=\"get\",kind=\"Service\",result=\"timeout\"} 1";
        assert!(metrics.text().contains(line), "{}", metrics.text());
    }
}
