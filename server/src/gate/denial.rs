//! What a denied client is told. The list of allowed origins is nobody's business but the owner's: a client learns what is
//! wrong with the origin that it sent, and the entry that it resembles stands in the log and in `/status` alone.

use origin_policy::{Explanation, Hint, Received};

use crate::{
    denied::SentOrigin,
    refusal::{Code, Denial, Refusal},
};

const SHOWN: usize = 256;

/// The refusal of a denied request.
pub(super) fn refusal(received: Received<'_>, explanation: &Explanation) -> Refusal {
    let origin = SentOrigin::cut(received, SHOWN).shown();
    let words = words(explanation.hint);
    let detail = match received {
        Received::One(_) => format!("origin {origin} is not allowed{words}"),
        Received::Missing | Received::Several(_) => format!("{origin} is not allowed{words}"),
    };
    let denial = Denial { reason: explanation.reason, hint: explanation.hint };
    Refusal::new(Code::Forbidden, detail).denial(denial)
}

const fn words(hint: Hint) -> &'static str {
    match hint {
        Hint::WrongScheme => "; the same host is allowed with another scheme",
        Hint::PortDiffers => "; the same host is allowed with another port",
        Hint::TrailingSlash => "; an origin has no slash at its end",
        Hint::UpperCase => "; an origin is in lower case",
        Hint::DefaultPort => "; an origin leaves the default port out",
        Hint::TrailingDot => "; the host ends with a dot, which makes it another origin",
        Hint::NotPunycode => "; an origin has its host in punycode (xn--...)",
        Hint::NotAnOrigin => "; an origin is scheme://host[:port]",
        Hint::OpaqueOrigin => "; null stands for sandboxed frames, local files and redirects, and is never allowed",
        Hint::SeveralOrigins => "; a request has one origin",
        Hint::OriginRequired => "; this service requires one",
        // These would tell strangers about entries for other hosts than the one they sent.
        Hint::ApexNotMatchedByWildcard
        | Hint::SubdomainNotListed
        | Hint::ParentNotListed
        | Hint::PublicSuffixNotCrossed
        | Hint::LookAlike
        | Hint::Misspelt
        | Hint::None => "; it has to be listed in spec.origins.allow of the service",
    }
}
