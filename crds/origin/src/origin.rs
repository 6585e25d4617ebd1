//! The second grammar: the `Origin` header as received.
//!
//! RFC 6454, section 6.2, and Fetch, "serializing a request origin": scheme, `://`, host, and a port unless it is the
//! scheme's default. Anything else was not written by a browser, so nothing here is normalised before it is compared.

use std::str;

use crate::host::{self, HostFault, HostKind};

/// Longest `Origin` that is looked at. `https://`, a 253-character host and a port are 267 bytes.
pub const MAX_ORIGIN_LEN: usize = 512;

/// The `Origin` header or headers of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// The request has none.
    Missing,
    /// The value of the only one.
    One(&'a [u8]),
    /// The request has this many.
    Several(usize),
}

impl<'a> Received<'a> {
    /// From all `Origin` header values of a request.
    pub fn from_values(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut values = values.into_iter();
        match (values.next(), values.count()) {
            (None, _) => Self::Missing,
            (Some(value), 0) => Self::One(value),
            (Some(_), more) => Self::Several(1 + more),
        }
    }
}

impl<'a> From<&'a str> for Received<'a> {
    fn from(value: &'a str) -> Self {
        Self::One(value.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Received<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::One(value)
    }
}

impl<'a> From<Option<&'a [u8]>> for Received<'a> {
    fn from(value: Option<&'a [u8]>) -> Self {
        value.map_or(Self::Missing, Self::One)
    }
}

/// A serialised origin, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) host: &'a str,
    pub(crate) kind: HostKind,
    /// `host[:port]`.
    pub(crate) authority: &'a str,
    pub(crate) port: Option<u16>,
}

/// Why bytes are not a serialised origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Empty,
    TooLong,
    Null,
    Several,
    Control,
    Blank,
    NonAscii,
    NoScheme,
    BadScheme,
    UpperCaseScheme,
    TrailingSlash,
    Path,
    Query,
    Fragment,
    Userinfo,
    Host(HostFault),
    BadPort,
    DefaultPort,
}

/// Accepts serialised origins of any scheme and nothing else.
pub(crate) fn parse(bytes: &[u8]) -> Result<Origin<'_>, Fault> {
    let text = check_bytes(bytes)?;
    let (scheme, rest) = text.split_once("://").ok_or(Fault::NoScheme)?;
    check_scheme(scheme)?;
    let authority = check_rest(rest)?;
    if host::is_bare_ipv6(authority) {
        return Err(Fault::Host(HostFault::BadIpv6));
    }
    let (host, port) = host::split_port(authority);
    let kind = host::check(host).map_err(Fault::Host)?;
    let port = match port {
        None => None,
        Some(digits) => Some(host::parse_port(digits).ok_or(Fault::BadPort)?),
    };
    if port.is_some() && port == default_port(scheme) {
        return Err(Fault::DefaultPort);
    }
    Ok(Origin { scheme, host, kind, authority, port })
}

/// The port that browsers leave out.
pub(crate) fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn check_bytes(bytes: &[u8]) -> Result<&str, Fault> {
    if bytes.is_empty() {
        return Err(Fault::Empty);
    }
    if bytes.len() > MAX_ORIGIN_LEN {
        return Err(Fault::TooLong);
    }
    if bytes == b"null" {
        return Err(Fault::Null);
    }
    if bytes.iter().any(u8::is_ascii_control) {
        return Err(Fault::Control);
    }
    // RFC 6454 lets a header carry a list separated by spaces; proxies join headers with commas. Browsers do neither.
    if bytes.iter().any(is_separator) {
        let origins = bytes.split(is_separator).filter(|part| resembles_origin(part)).count();
        return Err(if origins > 1 { Fault::Several } else { Fault::Blank });
    }
    str::from_utf8(bytes).map_err(|_| Fault::NonAscii)
}

const fn is_separator(byte: &u8) -> bool {
    matches!(byte, b' ' | b',')
}

fn resembles_origin(part: &[u8]) -> bool {
    part == b"null" || part.windows(3).any(|three| three == b"://")
}

/// RFC 3986, section 3.1, in the lower case that browsers write.
fn check_scheme(scheme: &str) -> Result<(), Fault> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(allowed) {
        return Err(Fault::BadScheme);
    }
    if scheme.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(Fault::UpperCaseScheme);
    }
    Ok(())
}

/// Everything after `://` is the authority, without user information.
fn check_rest(rest: &str) -> Result<&str, Fault> {
    if let Some(end) = rest.find(['/', '\\', '?', '#']) {
        return Err(match rest.as_bytes()[end] {
            b'?' => Fault::Query,
            b'#' => Fault::Fragment,
            _ if end + 1 == rest.len() => Fault::TrailingSlash,
            _ => Fault::Path,
        });
    }
    if rest.contains('@') {
        return Err(Fault::Userinfo);
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(origin: &[u8]) -> Fault {
        parse(origin).expect_err("a fault")
    }

    #[test]
    fn a_serialised_origin_is_taken_apart() {
        let origin = parse(b"https://app.example.com:8443").expect("an origin");
        assert_eq!((origin.scheme, origin.host, origin.port), ("https", "app.example.com", Some(8443)));
        assert_eq!(origin.authority, "app.example.com:8443");
        assert_eq!(parse(b"chrome-extension://abc").expect("an origin").host, "abc");
        assert_eq!(parse(b"http://[::1]:3000").expect("an origin").kind, HostKind::Ipv6);
    }

    #[test]
    fn nothing_is_normalised() {
        assert_eq!(fault(b"HTTPS://a.com"), Fault::UpperCaseScheme);
        assert_eq!(fault(b"https://A.com"), Fault::Host(HostFault::UpperCase));
        assert_eq!(fault(b"https://a.com/"), Fault::TrailingSlash);
        assert_eq!(fault(b"https://a.com:443"), Fault::DefaultPort);
        assert_eq!(fault(b"https://a.com."), Fault::Host(HostFault::TrailingDot));
        assert_eq!(fault(b"https://a.com:"), Fault::BadPort);
        assert_eq!(fault(" https://a.com".as_bytes()), Fault::Blank);
        assert_eq!(fault("https://bücher.example".as_bytes()), Fault::Host(HostFault::NonAscii));
        assert_eq!(fault(b"https://b\xfccher.example"), Fault::NonAscii);
    }

    #[test]
    fn each_part_that_an_origin_lacks_is_named() {
        assert_eq!(fault(b"https://a.com/x"), Fault::Path);
        assert_eq!(fault(b"https://a.com\\x"), Fault::Path);
        assert_eq!(fault(b"https://a.com?x"), Fault::Query);
        assert_eq!(fault(b"https://a.com#x"), Fault::Fragment);
        assert_eq!(fault(b"https://u:p@a.com"), Fault::Userinfo);
        assert_eq!(fault(b"a.com"), Fault::NoScheme);
        assert_eq!(fault(b"1https://a.com"), Fault::BadScheme);
        assert_eq!(fault(b"https://"), Fault::Host(HostFault::Empty));
    }

    #[test]
    fn null_lists_and_control_bytes_are_told_apart() {
        assert_eq!(fault(b""), Fault::Empty);
        assert_eq!(fault(b"null"), Fault::Null);
        assert_eq!(fault(b"NULL"), Fault::NoScheme);
        assert_eq!(fault(b"https://a.com https://b.com"), Fault::Several);
        assert_eq!(fault(b"https://a.com,https://b.com"), Fault::Several);
        assert_eq!(fault(b"https://a.com, null"), Fault::Several);
        assert_eq!(fault(b"https://a.com,"), Fault::Blank);
        assert_eq!(fault(b"https://a.com; q=1, b"), Fault::Blank);
        assert_eq!(fault(b"https://a.com\0"), Fault::Control);
        assert_eq!(fault(b"https://a.com\t"), Fault::Control);
        assert_eq!(fault(&[b'a'; MAX_ORIGIN_LEN + 1]), Fault::TooLong);
    }

    #[test]
    fn headers_are_counted() {
        assert_eq!(Received::from_values([]), Received::Missing);
        assert_eq!(Received::from_values([&b"a"[..]]), Received::One(b"a"));
        assert_eq!(Received::from_values([&b"a"[..], b"a"]), Received::Several(2));
    }
}
