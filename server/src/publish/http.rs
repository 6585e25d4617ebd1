//! `POST /publish`, on a port of its own: whoever may publish need not be one who may read metrics.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use futures::future::join_all;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::{net::TcpListener, time};

use super::{
    Publisher, Taken,
    event::Event,
    numbers::Via,
    refusal::{Reason, Refusal},
    token::{Tokens, Verdict},
};
use crate::recovery::shared::Took;

/// Events of one request.
const MOST_EVENTS: usize = 1000;
/// Until the last byte of the body.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct Api {
    publisher: Arc<Publisher>,
    tokens: Arc<Tokens>,
    longest: usize,
}

/// What became of an event.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Taken {
        offset: String,
        duplicate: bool,
        #[serde(flatten)]
        took: Pods,
    },
    Refused(Told),
}

#[derive(Clone, Copy, Serialize)]
struct Pods {
    /// Those that have handed it to their clients.
    pods: usize,
    missing: usize,
}

#[derive(Serialize)]
struct Told {
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    message: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    uncertain: bool,
}

/// Serves until the process ends.
pub(super) async fn serve(listener: TcpListener, publisher: Arc<Publisher>, tokens: Arc<Tokens>, longest: usize) {
    // What is wrong with them is to be in the log before somebody needs them.
    tokens.problem();
    let api = Api { publisher, tokens, longest };
    let router = Router::new()
        .route("/publish", post(publish))
        .fallback(async |State(api): State<Api>| api.refuse(&Refusal::new(Reason::NotFound, "the path is /publish")))
        .method_not_allowed_fallback(async |State(api): State<Api>| {
            api.refuse(&Refusal::new(Reason::MethodNotAllowed, "/publish takes POST"))
        })
        .with_state(api);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the publish port ended");
    }
}

async fn publish(State(api): State<Api>, headers: HeaderMap, body: Body) -> Response {
    match api.events(&headers, body).await {
        Ok(Events::One(event)) => api.publish_one(*event).await,
        Ok(Events::Several(events)) => api.publish_several(events).await,
        Err(refusal) => api.refuse(&refusal),
    }
}

enum Events {
    One(Box<Event>),
    Several(Vec<Event>),
}

impl Api {
    async fn events(&self, headers: &HeaderMap, body: Body) -> Result<Events, Refusal> {
        match self.tokens.judge(headers.get(header::AUTHORIZATION)) {
            Verdict::Good => {}
            Verdict::Refused => {
                let message = "the header \"Authorization: Bearer TOKEN\" is missing, or has another token";
                return Err(Refusal::new(Reason::TokenRefused, message));
            }
            Verdict::NoToken(problem) => return Err(Refusal::new(Reason::TokenMissing, problem)),
        }
        let body = self.read(body).await?;
        let text = std::str::from_utf8(&body);
        let text = text.map_err(|_| Refusal::new(Reason::Malformed, "the body is not UTF-8"))?;
        if !text.trim_start().starts_with('[') {
            return Event::read(text, "").map(Box::new).map(Events::One);
        }
        let events: Vec<&RawValue> = serde_json::from_str(text)
            .map_err(|error| Refusal::new(Reason::Malformed, format!("the body is no JSON: {error}")))?;
        if events.is_empty() || events.len() > MOST_EVENTS {
            let message = format!("a list of {} events; 1 to {MOST_EVENTS} are possible", events.len());
            return Err(Refusal::new(Reason::Malformed, message));
        }
        let read = |(index, event): (usize, &RawValue)| Event::read(event.get(), &format!("[{index}]."));
        events.into_iter().enumerate().map(read).collect::<Result<_, _>>().map(Events::Several)
    }

    async fn read(&self, body: Body) -> Result<Bytes, Refusal> {
        let read = time::timeout(PATIENCE, Limited::new(body, self.longest).collect()).await;
        let slow = |_| Refusal::new(Reason::TooSlow, format!("the body did not come within {} s", PATIENCE.as_secs()));
        let body = read.map_err(slow)?.map_err(|error| match error.is::<LengthLimitError>() {
            true => Refusal::new(Reason::TooLarge, format!("the body is longer than {} bytes", self.longest)),
            false => Refusal::new(Reason::Malformed, "the body broke off"),
        })?;
        Ok(body.to_bytes())
    }

    async fn publish_one(&self, event: Event) -> Response {
        match self.append(event).await {
            Ok(taken) => {
                self.publisher.numbers.request("ok");
                let took = self.publisher.took(taken.offset).await;
                Json(Answer::taken(taken, took)).into_response()
            }
            Err(refusal) => self.refuse(&refusal),
        }
    }

    /// All of them are good events. Those that the backplane did not take say so in their place.
    async fn publish_several(&self, events: Vec<Event>) -> Response {
        // All are on their way before the first is awaited: they keep their order.
        let appended: Vec<_> = events.into_iter().map(|event| self.append(event)).collect();
        let results = join_all(appended).await;
        let last = results.iter().flatten().map(|taken| taken.offset).max();
        let took = match last {
            Some(last) => self.publisher.took(last).await,
            None => Took { pods: 0, missing: 0 },
        };
        let refused = results.iter().find_map(|result| result.as_ref().err()).cloned();
        let answers: Vec<_> = results
            .into_iter()
            .map(|result| match result {
                Ok(taken) => Answer::taken(taken, took),
                Err(refusal) => Answer::Refused(told(&refusal)),
            })
            .collect();
        match refused {
            Some(refusal) => self.answer(&refusal, Json(answers)),
            None => {
                self.publisher.numbers.request("ok");
                Json(answers).into_response()
            }
        }
    }

    fn append(&self, event: Event) -> impl Future<Output = Result<Taken, Refusal>> + use<> {
        let key = event.id.as_ref().map(|id| format!("id:{id}"));
        let appended = self.publisher.append(event, key);
        let numbers = self.publisher.numbers.clone();
        async move {
            let result = appended.await;
            numbers.event(Via::Http, &result);
            result
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Response {
        self.answer(refusal, Json(told(refusal)))
    }

    fn answer(&self, refusal: &Refusal, body: impl IntoResponse) -> Response {
        self.publisher.numbers.request(refusal.reason.as_str());
        tracing::debug!(reason = refusal.reason.as_str(), %refusal, "refused to publish");
        let mut response = body.into_response();
        let status = refusal.reason.status();
        *response.status_mut() = status;
        let headers = response.headers_mut();
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                // The rest of the body is still on its way.
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

impl Answer {
    fn taken(taken: Taken, took: Took) -> Self {
        let Took { pods, missing } = took;
        Self::Taken { offset: taken.offset.to_string(), duplicate: !taken.is_new, took: Pods { pods, missing } }
    }
}

fn told(refusal: &Refusal) -> Told {
    let Refusal { reason, field, message, is_uncertain } = refusal.clone();
    Told { reason: reason.as_str(), field, message, uncertain: is_uncertain }
}
