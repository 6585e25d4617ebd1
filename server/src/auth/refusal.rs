//! Why a connection may not be: a closed set of reasons, in the words of metrics, logs and `connect_error`.

use std::{borrow::Cow, fmt};

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// There is no token.
    TokenMissing,
    /// What is there is no token.
    TokenMalformed,
    /// Its time is over.
    TokenExpired,
    /// Its time has not come.
    TokenNotYetValid,
    /// Somebody else made it.
    IssuerMismatch,
    /// It was made for somebody else.
    AudienceMismatch,
    /// Its signature is not the key's.
    SignatureInvalid,
    /// It names a key that is not in the key set.
    KeyUnknown,
    /// Its algorithm is not one of the key's.
    AlgorithmNotAllowed,
    /// There are no keys to check it with.
    KeysUnavailable,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::TokenMissing,
        Self::TokenMalformed,
        Self::TokenExpired,
        Self::TokenNotYetValid,
        Self::IssuerMismatch,
        Self::AudienceMismatch,
        Self::SignatureInvalid,
        Self::KeyUnknown,
        Self::AlgorithmNotAllowed,
        Self::KeysUnavailable,
    ];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TokenMissing => "TokenMissing",
            Self::TokenMalformed => "TokenMalformed",
            Self::TokenExpired => "TokenExpired",
            Self::TokenNotYetValid => "TokenNotYetValid",
            Self::IssuerMismatch => "IssuerMismatch",
            Self::AudienceMismatch => "AudienceMismatch",
            Self::SignatureInvalid => "SignatureInvalid",
            Self::KeyUnknown => "KeyUnknown",
            Self::AlgorithmNotAllowed => "AlgorithmNotAllowed",
            Self::KeysUnavailable => "KeysUnavailable",
        }
    }
}

/// Why, and what a person can do about it; never with anything of the token in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// In words.
    pub message: Cow<'static, str>,
    /// Whether keys that are newer than those at hand could change the verdict.
    pub may_be_a_new_key: bool,
}

impl Refusal {
    /// A refusal in words.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, message: message.into(), may_be_a_new_key: false }
    }

    /// The same, unless newer keys know better.
    #[must_use]
    pub fn unless_newer_keys(self, may_be_a_new_key: bool) -> Self {
        Self { may_be_a_new_key, ..self }
    }
}

/// What clients get as the message of `connect_error`: the protocol's library has room for nothing else.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.as_str(), self.message)
    }
}
