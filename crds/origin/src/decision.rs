//! What a policy says about one request.

use crate::{pattern::OriginPattern, words::words};

/// The verdict on one request, the same for polling, preflight and upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'p> {
    /// The request may proceed.
    Allowed(AllowedBy<'p>),
    /// The request is refused, or counted in report mode.
    Denied(DenyReason),
}

impl Decision<'_> {
    /// Whether the request may proceed.
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// Why the request is denied, if it is.
    #[must_use]
    pub const fn deny_reason(&self) -> Option<DenyReason> {
        match self {
            Self::Allowed(_) => None,
            Self::Denied(reason) => Some(*reason),
        }
    }
}

/// What let a request through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedBy<'p> {
    /// The entry of `allow` that matches: an exact one first, else the most specific wildcard.
    Pattern(&'p OriginPattern),
    /// The request has no `Origin` header and `missing` is `Allow`.
    MissingOrigin,
}

words! {
    /// Why a request is denied.
    DenyReason {
        /// A well-formed origin that no entry matches.
        OriginNotListed,
        /// No `Origin` header, and `missing` is `Deny`.
        OriginMissing,
        /// `Origin: null`: sandboxed frames, `file:` pages, `data:` URLs, some redirects. Anybody can produce it.
        OriginNull,
        /// Not the serialisation of an origin.
        OriginMalformed,
        /// Several `Origin` headers, or several origins in one.
        OriginMultiple,
        /// Longer than any origin that could be listed.
        OriginTooLong,
    }
}
