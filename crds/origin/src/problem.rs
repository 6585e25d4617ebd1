//! What is wrong with a configuration, said so that its author can mend it.

use std::fmt;

use serde::Serialize;

use crate::{text::shown, words::words};

/// One thing that is wrong, or, in [`OriginPolicy::warnings`](crate::OriginPolicy::warnings), pointless.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where, below `spec.origins`: `allow[2]`, `allowedHeaders[0]`, `maxAge`.
    pub field: String,
    /// The value found there.
    pub value: String,
    /// Which mistake it is.
    pub reason: ProblemReason,
    /// What is wrong and what is allowed instead.
    pub message: String,
    /// A value that would be accepted in its place, where one can be guessed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.field)?;
        if self.reason != ProblemReason::EmptyList {
            write!(f, " \"{}\"", shown(self.value.as_bytes()))?;
        }
        write!(f, ": {}", self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; write {suggestion:?}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

words! {
    /// Every mistake that a configuration can contain.
    ProblemReason {
        /// `allow` has no entry.
        EmptyList,
        /// Not `scheme://host[:port]`.
        NotAnOrigin,
        /// Several origins in one entry.
        SeveralOrigins,
        /// A regular expression.
        RegularExpression,
        /// Longer than any origin can be.
        TooLong,
        /// Ends in `/`.
        TrailingSlash,
        /// Has a path.
        HasPath,
        /// Has a query.
        HasQuery,
        /// Has a fragment.
        HasFragment,
        /// Has a user name or password.
        HasUserinfo,
        /// A scheme that no page's origin has.
        UnknownScheme,
        /// Upper case in the scheme.
        UpperCaseScheme,
        /// Upper case in the host.
        UpperCaseHost,
        /// An internationalised host that is not written as punycode.
        IdnHost,
        /// Not a host name.
        BadHost,
        /// The host ends in a dot.
        TrailingDot,
        /// Not an IP address in canonical form.
        BadIp,
        /// Not a port.
        BadPort,
        /// A port that browsers leave out.
        DefaultPort,
        /// `null`, which any page can send.
        NullOrigin,
        /// `*`: every site.
        WildcardAny,
        /// `*` after the first label, or twice.
        WildcardNotLeftmost,
        /// `*` as a part of a label.
        PartialWildcard,
        /// `*` before an IP address.
        WildcardOnIp,
        /// `*` with a scheme other than http and https.
        WildcardOnAppScheme,
        /// `*` before a suffix under which strangers register names.
        WildcardPublicSuffix,
        /// Plain http to a host that is not loopback, together with credentials.
        InsecureWithCredentials,
        /// Warning: written twice.
        Duplicate,
        /// Warning: a wildcard already covers it.
        Shadowed,
        /// Not a header name.
        HeaderNotToken,
        /// `*` as a header name.
        HeaderWildcard,
        /// A header that browsers withhold from pages whatever a server says.
        HeaderForbidden,
        /// Warning: a header that works without being listed.
        HeaderNeverNeeded,
        /// Longer than a day.
        MaxAgeOutOfRange,
        /// Warning: longer than browsers honour.
        MaxAgeCapped,
    }
}

impl ProblemReason {
    /// Whether the policy works all the same.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        matches!(self, Self::Duplicate | Self::Shadowed | Self::HeaderNeverNeeded | Self::MaxAgeCapped)
    }
}
