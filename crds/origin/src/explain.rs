//! A denial in words: what was received, what would have been allowed, what to change.

use serde::Serialize;

use crate::{
    decision::{AllowedBy, Decision, DenyReason},
    fault,
    nearest::Neighbours,
    origin::{self, Origin, Received},
    pattern::OriginPattern,
    policy::OriginPolicy,
    repair,
    text::shown,
    words::words,
};

/// Why a request is denied, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The reason that `decide` gave.
    pub reason: DenyReason,
    /// The mistake it looks like.
    pub hint: Hint,
    /// The entry of `allow` that resembles the origin most.
    pub nearest: Option<String>,
    /// One sentence that says what to change. Foreign text in it is cut and escaped.
    pub message: String,
}

words! {
    /// Mistakes that denied requests show.
    Hint {
        /// The same host is allowed with another scheme.
        WrongScheme,
        /// The same host is allowed with another port.
        PortDiffers,
        /// `https://*.example.com` is allowed, which `https://example.com` is not a part of.
        ApexNotMatchedByWildcard,
        /// A sibling of, or a name below, an allowed host.
        SubdomainNotListed,
        /// A name above an allowed host.
        ParentNotListed,
        /// Below a wildcard, but in a part of it where strangers register names.
        PublicSuffixNotCrossed,
        /// Contains an allowed host's text yet belongs to somebody else.
        LookAlike,
        /// One or two characters away from an allowed host.
        Misspelt,
        /// A trailing slash, which browsers do not send.
        TrailingSlash,
        /// Upper case, which browsers do not send.
        UpperCase,
        /// A default port, which browsers do not send.
        DefaultPort,
        /// A dot after the host: another origin than the one without.
        TrailingDot,
        /// A host outside ASCII, which browsers send as punycode.
        NotPunycode,
        /// Not the form of an origin at all.
        NotAnOrigin,
        /// `null`.
        OpaqueOrigin,
        /// More than one origin.
        SeveralOrigins,
        /// No origin, and one is required.
        OriginRequired,
        /// Nothing that is allowed resembles it.
        None,
    }
}

pub(crate) fn explain(policy: &OriginPolicy, neighbours: &Neighbours, received: Received<'_>) -> Explanation {
    let (reason, hint, nearest, message) = match received {
        Received::Missing => (
            DenyReason::OriginMissing,
            Hint::OriginRequired,
            None,
            "the request has no Origin header: send one, or set origins.missing to Allow".to_owned(),
        ),
        Received::Several(count) => (
            DenyReason::OriginMultiple,
            Hint::SeveralOrigins,
            None,
            format!("the request has {count} Origin headers: see that the client or a proxy adds no second one"),
        ),
        Received::One(bytes) => match origin::parse(bytes) {
            Ok(origin) => return not_listed(policy, neighbours, &origin),
            Err(fault) => {
                let (hint, words) = fault::hint(fault);
                let nearest = meant(policy, neighbours, bytes);
                let message = match &nearest {
                    Some(pattern) => format!("nearest allowed is {pattern}: the origin {words}"),
                    None => format!("the origin {words}; {}", advice(hint)),
                };
                (fault::deny_reason(fault), hint, nearest.map(ToString::to_string), message)
            }
        },
    };
    Explanation { reason, hint, nearest, message }
}

/// What to change about an origin that resembles nothing.
const fn advice(hint: Hint) -> &'static str {
    match hint {
        Hint::OpaqueOrigin => "serve the page over https and list its origin",
        Hint::SeveralOrigins => "see that the client or a proxy sends one",
        _ => "browsers send scheme://host[:port]",
    }
}

/// The entry for what a malformed origin was probably meant to be.
fn meant<'p>(policy: &'p OriginPolicy, neighbours: &Neighbours, bytes: &[u8]) -> Option<&'p OriginPattern> {
    let mended = repair::pattern(std::str::from_utf8(bytes).ok()?)?;
    match policy.decide(Received::from(mended.as_str())) {
        Decision::Allowed(AllowedBy::Pattern(pattern)) => Some(pattern),
        Decision::Allowed(AllowedBy::MissingOrigin) | Decision::Denied(_) => {
            let origin = origin::parse(mended.as_bytes()).ok()?;
            neighbours
                .find(policy.patterns(), &origin)
                .filter(|(hint, _)| *hint != Hint::None)
                .map(|(_, pattern)| pattern)
        }
    }
}

fn not_listed(policy: &OriginPolicy, neighbours: &Neighbours, origin: &Origin<'_>) -> Explanation {
    let found = neighbours.find(policy.patterns(), origin);
    let hint = found.map_or(Hint::None, |(hint, _)| hint);
    let message = match found {
        Some((hint, pattern)) => format!("nearest allowed is {pattern}: {}", difference(hint, origin, pattern)),
        None => "nothing is allowed".to_owned(),
    };
    let nearest = found.map(|(_, pattern)| pattern.to_string());
    Explanation { reason: DenyReason::OriginNotListed, hint, nearest, message }
}

fn difference(hint: Hint, origin: &Origin<'_>, pattern: &OriginPattern) -> String {
    let host = shown(origin.host.as_bytes());
    let port = |port: Option<u16>| port.map_or_else(|| "no port".to_owned(), |port| format!("port {port}"));
    match hint {
        Hint::WrongScheme => format!("the scheme differs ({} received)", shown(origin.scheme.as_bytes())),
        Hint::PortDiffers => {
            format!("the port differs ({} received, {} allowed)", port(origin.port), port(pattern.port()))
        }
        Hint::ApexNotMatchedByWildcard => {
            format!(
                "a wildcard stands for subdomains and never for {host} itself; list that too if its pages may connect"
            )
        }
        Hint::SubdomainNotListed => format!("the subdomain {host} is not listed; add it if its pages may connect"),
        Hint::ParentNotListed => format!("the parent domain {host} is not listed; add it if its pages may connect"),
        Hint::PublicSuffixNotCrossed => {
            format!(
                "strangers register names beside {host}, where no wildcard reaches; list it itself if its pages may connect"
            )
        }
        Hint::LookAlike => format!("{host} only looks like it and is somebody else's host"),
        Hint::Misspelt => format!("the spelling differs ({host} received)"),
        // The other hints are for what is not an origin.
        Hint::TrailingSlash
        | Hint::UpperCase
        | Hint::DefaultPort
        | Hint::TrailingDot
        | Hint::NotPunycode
        | Hint::NotAnOrigin
        | Hint::OpaqueOrigin
        | Hint::SeveralOrigins
        | Hint::OriginRequired
        | Hint::None => format!("{host} does not resemble it; add it to origins.allow if its pages may connect"),
    }
}
