//! Why an event is not taken: a closed set of reasons, the same in answers, metrics and logs.

use http::StatusCode;
use realtime_backplane::{self as backplane, Problem};

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reason {
    /// It is no event.
    Malformed,
    /// A field of it is wrong.
    BadField,
    /// The body is too long.
    TooLarge,
    /// The body does not come.
    TooSlow,
    /// No token, or another one.
    TokenRefused,
    /// This server has no token to compare with.
    TokenMissing,
    /// There is no such path.
    NotFound,
    /// It takes POST.
    MethodNotAllowed,
    /// The backplane did not take it.
    Backplane(backplane::Reason),
}

impl Reason {
    /// The word in answers and metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "Malformed",
            Self::BadField => "BadField",
            Self::TooLarge => "TooLarge",
            Self::TooSlow => "TooSlow",
            Self::TokenRefused => "TokenRefused",
            Self::TokenMissing => "TokenMissing",
            Self::NotFound => "NotFound",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::Backplane(reason) => reason.as_str(),
        }
    }

    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Malformed | Self::BadField => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TokenRefused => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TokenMissing | Self::Backplane(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Why an event is not taken, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", field.as_ref().map(|field| format!("{field}: ")).unwrap_or_default())]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    pub(super) field: Option<String>,
    pub(super) message: String,
    /// Whether it may have been taken all the same.
    pub(super) is_uncertain: bool,
}

impl Refusal {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, field: None, message: message.into(), is_uncertain: false }
    }

    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(Reason::BadField, message) }
    }

    pub(super) fn of_backplane(problem: Problem) -> Self {
        let message = format!("the backplane did not take it: {}", problem.message);
        Self { is_uncertain: problem.is_uncertain, ..Self::new(Reason::Backplane(problem.reason), message) }
    }

    /// Of an event that stands somewhere in a list.
    pub(super) fn within(self, at: &str) -> Self {
        let field = self.field.map(|field| format!("{at}{field}"));
        let field = field.or_else(|| Some(at.trim_end_matches('.').to_owned()).filter(|at| !at.is_empty()));
        Self { field, ..self }
    }
}
