//! Answers to requests.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{Either, Full};

use crate::request::Fault;

/// The body of an answer: the engine's own, or that of the service behind it.
pub type ResponseBody<B> = Either<Full<Bytes>, B>;

/// An answer.
pub(crate) type Answer<B> = Response<ResponseBody<B>>;

/// A payload of packets.
pub(crate) fn payload<B>(data: impl Into<Bytes>, is_binary: bool) -> Answer<B> {
    let kind = if is_binary { "application/octet-stream" } else { "text/plain; charset=UTF-8" };
    with(StatusCode::OK, kind, data.into())
}

/// A refusal, with Engine.IO's code where there is one.
pub(crate) fn refusal<B>(fault: Fault) -> Answer<B> {
    match fault.code() {
        Some(code) => with(
            StatusCode::BAD_REQUEST,
            "application/json",
            format!(r#"{{"code":{code},"message":"{fault}"}}"#).into(),
        ),
        None => with(fault.status(), "text/plain; charset=UTF-8", Bytes::new()),
    }
}

pub(crate) fn not_found<B>() -> Answer<B> {
    with(StatusCode::NOT_FOUND, "text/plain; charset=UTF-8", Bytes::new())
}

fn with<B>(status: StatusCode, kind: &'static str, body: Bytes) -> Answer<B> {
    let mut answer = Response::new(Either::Left(Full::new(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
