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
    reason: Option<&'static str>,
    retry_after: Option<u32>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
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
        Self { code, status, detail: detail.into(), denial: None, reason: None, retry_after: None }
    }

    /// With another status.
    #[must_use]
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Whether it has this status.
    #[must_use]
    pub fn has(&self, status: StatusCode) -> bool {
        self.status == status
    }

    /// With the policy's words.
    #[must_use]
    pub fn denial(self, denial: Denial) -> Self {
        Self { denial: Some(denial), ..self }
    }

    /// With a word for programs.
    #[must_use]
    pub fn reason(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    /// With the seconds after which to try again.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The word in metrics.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match (self.reason, self.code) {
            (Some(reason), _) => reason,
            (None, Code::TransportUnknown) => "transport",
            (None, Code::SessionIdUnknown) => "session",
            (None, Code::BadHandshakeMethod) => "method",
            (None, Code::BadRequest) => "bad_request",
            (None, Code::Forbidden) => "origin",
            (None, Code::UnsupportedProtocolVersion) => "protocol_version",
        }
    }

    /// The response; whoever decorates it adds CORS headers.
    #[must_use]
    pub fn response(&self) -> FullResponse {
        let words = self.code.words();
        let message =
            if self.detail.is_empty() { Cow::Borrowed(words) } else { format!("{words}: {}", self.detail).into() };
        let body = Body { code: self.code as u8, message: &message, denial: self.denial, reason: self.reason };
        let body = serde_json::to_vec(&body).expect("strings and numbers are JSON");
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
