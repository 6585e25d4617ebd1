//! A refused request: Engine.IO's code and standard words, then what a person can do about it.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;

/// Response whose body is known.
pub type FullResponse = Response<Full<Bytes>>;

/// Engine.IO's error codes, with the words of its Node.js server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The `transport` parameter.
    TransportUnknown = 0,
    /// The `sid` parameter.
    SessionIdUnknown = 1,
    /// A session that begins with another method than GET.
    BadHandshakeMethod = 2,
    /// Anything else.
    BadRequest = 3,
    /// The origin, or the credentials.
    Forbidden = 4,
    /// The `EIO` parameter.
    UnsupportedProtocolVersion = 5,
}

impl Code {
    const ALL: [Self; 6] = [
        Self::TransportUnknown,
        Self::SessionIdUnknown,
        Self::BadHandshakeMethod,
        Self::BadRequest,
        Self::Forbidden,
        Self::UnsupportedProtocolVersion,
    ];

    /// The code of a number.
    #[must_use]
    pub fn of(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|code| *code as u64 == number)
    }

    const fn words(self) -> &'static str {
        match self {
            Self::TransportUnknown => "Transport unknown",
            Self::SessionIdUnknown => "Session ID unknown",
            Self::BadHandshakeMethod => "Bad handshake method",
            Self::BadRequest => "Bad request",
            Self::Forbidden => "Forbidden",
            Self::UnsupportedProtocolVersion => "Unsupported protocol version",
        }
    }
}

/// A refused request.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Engine.IO's code.
    pub code: Code,
    status: StatusCode,
    detail: Cow<'static, str>,
    denial: Option<Denial>,
}

/// Why the origin policy refused, in its closed words.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Denial {
    /// The reason.
    pub reason: origin_policy::DenyReason,
    /// The mistake it looks like.
    pub hint: origin_policy::Hint,
}

#[derive(Serialize)]
struct Body<'a> {
    code: u8,
    message: &'a str,
    #[serde(flatten)]
    denial: Option<Denial>,
}

impl Refusal {
    /// Status 400, or 403 for `Forbidden`.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let status = match code {
            Code::Forbidden => StatusCode::FORBIDDEN,
            Code::TransportUnknown
            | Code::SessionIdUnknown
            | Code::BadHandshakeMethod
            | Code::BadRequest
            | Code::UnsupportedProtocolVersion => StatusCode::BAD_REQUEST,
        };
        Self { code, status, detail: detail.into(), denial: None }
    }

    /// With another status.
    #[must_use]
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// With the policy's words.
    #[must_use]
    pub fn denial(self, denial: Denial) -> Self {
        Self { denial: Some(denial), ..self }
    }

    /// The response; whoever decorates it adds CORS headers.
    #[must_use]
    pub fn response(&self) -> FullResponse {
        let words = self.code.words();
        let message =
            if self.detail.is_empty() { Cow::Borrowed(words) } else { format!("{words}: {}", self.detail).into() };
        let body = Body { code: self.code as u8, message: &message, denial: self.denial };
        let body = serde_json::to_vec(&body).expect("strings and numbers are JSON");
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
