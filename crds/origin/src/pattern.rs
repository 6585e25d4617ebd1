//! The first grammar: entries of `allow`.
//!
//! An entry without a wildcard is exactly one serialised origin, so it can be compared byte for byte. An entry with one
//! is `https://*.` and a base: one or more labels in front of the base, never the base itself.

use std::{fmt, ops::Range, str::FromStr};

use crate::{
    fault,
    host::{self, HostKind},
    origin,
    problem::ProblemReason,
    public_suffix, repair,
    scheme::Scheme,
    wildcard,
};

/// An accepted entry of `allow`. It displays as its canonical text, which is the text it was parsed from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginPattern {
    text: Box<str>,
    scheme: Scheme,
    host: Range<usize>,
    kind: HostKind,
    wildcard: bool,
    port: Option<u16>,
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", suggestion.as_ref().map(|text| format!("; write {text:?}")).unwrap_or_default())]
pub struct PatternError {
    /// Which mistake it is.
    pub reason: ProblemReason,
    /// What is wrong and what is allowed instead.
    pub message: String,
    /// The pattern that was probably meant.
    pub suggestion: Option<String>,
}

impl OriginPattern {
    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme that an origin must have.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host; with a wildcard, its base: what follows `*.`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.text[self.host.clone()]
    }

    /// The port, unless it is the scheme's default.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether the entry stands for all subdomains of its host.
    #[must_use]
    pub const fn is_wildcard(&self) -> bool {
        self.wildcard
    }

    /// Whether the host never leaves the machine: `localhost`, its subdomains, `127.0.0.0/8`, `[::1]`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        host::is_loopback(self.kind, self.host())
    }

    /// `host[:port]`, the host without `*.`.
    pub(crate) fn authority(&self) -> &str {
        &self.text[self.host.start..]
    }

    pub(crate) const fn kind(&self) -> HostKind {
        self.kind
    }
}

impl FromStr for OriginPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        parse(text).map_err(|reason| PatternError {
            reason,
            message: fault::pattern_message(reason, text),
            suggestion: repair::pattern(text),
        })
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Parses without saying what was meant instead.
pub(crate) fn parse(text: &str) -> Result<OriginPattern, ProblemReason> {
    if text.len() > origin::MAX_ORIGIN_LEN {
        return Err(ProblemReason::TooLong);
    }
    if text.trim_matches(['\'', '"']).eq_ignore_ascii_case("null") {
        return Err(ProblemReason::NullOrigin);
    }
    if repair::is_regular_expression(text) {
        return Err(ProblemReason::RegularExpression);
    }
    let stripped = wildcard::strip(text)?;
    let wildcard = stripped.is_some();
    let exact = stripped.as_deref().unwrap_or(text);
    let origin = origin::parse(exact.as_bytes()).map_err(fault::pattern_reason)?;
    let scheme = Scheme::named(origin.scheme).ok_or(ProblemReason::UnknownScheme)?;
    if origin.kind == HostKind::Name && !is_valid_idna(origin.host) {
        return Err(ProblemReason::BadHost);
    }
    if wildcard {
        check_wildcard(scheme, origin.kind, origin.host)?;
    }
    let start = text.len() - origin.authority.len();
    Ok(OriginPattern {
        host: start..start + origin.host.len(),
        kind: origin.kind,
        port: origin.port,
        text: text.into(),
        scheme,
        wildcard,
    })
}

/// Browsers refuse hosts whose `xn--` labels decode to nothing valid, so such an entry would never match.
fn is_valid_idna(host: &str) -> bool {
    !host.split('.').any(|label| label.starts_with("xn--"))
        || idna::domain_to_ascii(host).is_ok_and(|ascii| ascii == host)
}

fn check_wildcard(scheme: Scheme, kind: HostKind, base: &str) -> Result<(), ProblemReason> {
    match (scheme, kind) {
        (Scheme::App(_), _) => Err(ProblemReason::WildcardOnAppScheme),
        (_, HostKind::Ipv4 | HostKind::Ipv6) => Err(ProblemReason::WildcardOnIp),
        (_, HostKind::Name) if public_suffix::is_public(base) => Err(ProblemReason::WildcardPublicSuffix),
        (Scheme::Http | Scheme::Https, HostKind::Name) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (ProblemReason, Option<String>) {
        let error = text.parse::<OriginPattern>().expect_err(text);
        (error.reason, error.suggestion)
    }

    #[test]
    fn a_pattern_is_taken_apart_and_displays_as_it_was_written() {
        let pattern: OriginPattern = "https://*.example.com:8443".parse().expect("a pattern");
        assert_eq!((pattern.scheme(), pattern.host(), pattern.port()), (Scheme::Https, "example.com", Some(8443)));
        assert!(pattern.is_wildcard());
        assert_eq!(pattern.authority(), "example.com:8443");
        assert_eq!(pattern.to_string(), "https://*.example.com:8443");
    }

    #[test]
    fn what_pages_have_is_accepted() {
        for text in [
            "https://app.example.com",
            "http://localhost:5173",
            "http://*.localhost:3000",
            "http://127.0.0.1:8080",
            "http://[::1]:3000",
            "https://xn--bcher-kva.example",
            "https://*.me.github.io",
            "https://me.github.io",
            "https://my_app.example.com",
            "capacitor://localhost",
            "ionic://localhost",
            "chrome-extension://cjpalhdlnbpafiamejdnhcphjbkeiagm",
        ] {
            assert!(text.parse::<OriginPattern>().is_ok(), "{text}");
        }
    }

    #[test]
    fn loopback_is_recognised() {
        for (text, loopback) in [
            ("http://localhost:5173", true),
            ("http://*.localhost", true),
            ("http://127.1.2.3", true),
            ("http://[::1]", true),
            ("http://localhost.example.com", false),
            ("http://128.0.0.1", false),
        ] {
            assert_eq!(text.parse::<OriginPattern>().expect(text).is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn every_mistake_has_its_reason_and_what_was_meant() {
        use ProblemReason::*;
        for (text, reason, suggestion) in [
            ("", NotAnOrigin, None),
            ("*", WildcardAny, None),
            ("https://*", WildcardAny, None),
            ("null", NullOrigin, None),
            ("NULL", NullOrigin, None),
            ("example.com", NotAnOrigin, Some("https://example.com")),
            ("localhost:3000", NotAnOrigin, Some("http://localhost:3000")),
            ("//example.com", NotAnOrigin, Some("https://example.com")),
            (" https://a.com", NotAnOrigin, Some("https://a.com")),
            ("https://a.com, https://b.com", SeveralOrigins, None),
            ("https://a.com/", TrailingSlash, Some("https://a.com")),
            ("https://a.com/app", HasPath, Some("https://a.com")),
            ("https://a.com/*", HasPath, Some("https://a.com")),
            ("https://a.com?x=1", HasQuery, Some("https://a.com")),
            ("https://a.com#x", HasFragment, Some("https://a.com")),
            ("https://me@a.com", HasUserinfo, Some("https://a.com")),
            ("wss://a.com", UnknownScheme, Some("https://a.com")),
            ("htps://a.com", UnknownScheme, Some("https://a.com")),
            ("ftp://a.com", UnknownScheme, None),
            ("*://a.com", UnknownScheme, None),
            ("HTTPS://a.com", UpperCaseScheme, Some("https://a.com")),
            ("https://App.a.com", UpperCaseHost, Some("https://app.a.com")),
            ("https://bücher.example", IdnHost, Some("https://xn--bcher-kva.example")),
            ("https://*.bücher.example", IdnHost, Some("https://*.xn--bcher-kva.example")),
            ("https://xn--a", BadHost, None),
            ("https://a..com", BadHost, None),
            ("https://a.com.", TrailingDot, Some("https://a.com")),
            ("https://.a.com", BadHost, Some("https://*.a.com")),
            ("http://127.1", BadIp, None),
            ("http://[0:0::1]:80", BadIp, Some("http://[::1]")),
            ("http://::1", BadIp, Some("http://[::1]")),
            ("https://a.com:443", DefaultPort, Some("https://a.com")),
            ("http://localhost:80", DefaultPort, Some("http://localhost")),
            ("https://a.com:0443", BadPort, Some("https://a.com")),
            ("https://a.com:*", BadPort, None),
            ("https://a.com:99999", BadPort, None),
            ("https://foo.*.a.com", WildcardNotLeftmost, None),
            ("https://*.*.a.com", WildcardNotLeftmost, Some("https://*.a.com")),
            ("https://*a.com", PartialWildcard, Some("https://*.a.com")),
            ("https://pr-*.a.com", PartialWildcard, None),
            ("https://*.10.0.0.1", WildcardOnIp, None),
            ("capacitor://*.localhost", WildcardOnAppScheme, None),
            ("https://*.com", WildcardPublicSuffix, None),
            ("https://*.github.io", WildcardPublicSuffix, None),
            ("/^https:\\/\\/.*\\.a\\.com$/", RegularExpression, Some("https://*.a.com")),
            ("^https://app\\.a\\.com$", RegularExpression, Some("https://app.a.com")),
        ] {
            assert_eq!(refused(text), (reason, suggestion.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn an_overlong_entry_is_refused_unread() {
        assert_eq!(refused(&format!("https://{}", "a".repeat(600))).0, ProblemReason::TooLong);
    }
}
