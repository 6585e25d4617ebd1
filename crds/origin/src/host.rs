//! Hosts as browsers serialise them (URL Standard, host serializing), byte for byte.

use std::{
    fmt::{self, Write},
    net::{Ipv4Addr, Ipv6Addr},
};

/// RFC 1035: a name is at most 253 characters in text form, a label at most 63.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum HostKind {
    Name,
    Ipv4,
    Ipv6,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostFault {
    Empty,
    NonAscii,
    UpperCase,
    BadCharacter,
    EmptyLabel,
    TrailingDot,
    TooLong,
    BadIpv4,
    BadIpv6,
}

/// Accepts only what a browser would serialise: another spelling of the same host is a fault.
pub(crate) fn check(host: &str) -> Result<HostKind, HostFault> {
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner.strip_suffix(']').ok_or(HostFault::BadIpv6)?;
        return check_ipv6(address);
    }
    check_name(host)?;
    // URL Standard: a host that ends in a number is an IPv4 address or nothing.
    match host.rsplit('.').next() {
        Some(last) if is_number(last) => match host.parse::<Ipv4Addr>() {
            Ok(_) => Ok(HostKind::Ipv4),
            Err(_) => Err(HostFault::BadIpv4),
        },
        _ => Ok(HostKind::Name),
    }
}

fn check_name(host: &str) -> Result<(), HostFault> {
    if host.is_empty() {
        return Err(HostFault::Empty);
    }
    if !host.is_ascii() {
        return Err(HostFault::NonAscii);
    }
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(HostFault::UpperCase);
    }
    // Underscores and hyphens anywhere: browsers accept both, so pages live on such hosts.
    if !host.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.')) {
        return Err(HostFault::BadCharacter);
    }
    if host.len() > 1 && host.ends_with('.') && !host.ends_with("..") {
        return Err(HostFault::TrailingDot);
    }
    if host.split('.').any(str::is_empty) {
        return Err(HostFault::EmptyLabel);
    }
    if host.len() > MAX_NAME || host.split('.').any(|label| label.len() > MAX_LABEL) {
        return Err(HostFault::TooLong);
    }
    Ok(())
}

fn is_number(label: &str) -> bool {
    match label.strip_prefix("0x") {
        Some(hex) => hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

fn check_ipv6(address: &str) -> Result<HostKind, HostFault> {
    let parsed: Ipv6Addr = address.parse().map_err(|_| HostFault::BadIpv6)?;
    let mut canonical = Ipv6Text { bytes: [0; 40], len: 0 };
    write_ipv6(&mut canonical, parsed).map_err(|_| HostFault::BadIpv6)?;
    if canonical.bytes[..canonical.len] == *address.as_bytes() { Ok(HostKind::Ipv6) } else { Err(HostFault::BadIpv6) }
}

/// The canonical text of an address, without brackets.
pub(crate) fn ipv6_text(address: Ipv6Addr) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_ipv6(&mut text, address);
    text
}

fn write_ipv6(out: &mut impl Write, address: Ipv6Addr) -> fmt::Result {
    match (address.to_ipv4_mapped(), address.segments()) {
        // RFC 5952 writes these with dots, the URL Standard does not.
        (Some(_), [.., high, low]) => write!(out, "::ffff:{high:x}:{low:x}"),
        (None, _) => write!(out, "{address}"),
    }
}

/// Room for one address on the stack: decisions do not allocate. 39 bytes are the longest text.
struct Ipv6Text {
    bytes: [u8; 40],
    len: usize,
}

impl Write for Ipv6Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// Splits `host[:port]`; the parts may still be wrong.
pub(crate) fn split_port(authority: &str) -> (&str, Option<&str>) {
    let host_end = match authority.find(']') {
        Some(bracket) if authority.starts_with('[') => bracket + 1,
        _ => authority.find(':').unwrap_or(authority.len()),
    };
    match authority[host_end..].strip_prefix(':') {
        Some(port) => (&authority[..host_end], Some(port)),
        None => (authority, None),
    }
}

/// An address without the brackets that tell its colons from the port's.
pub(crate) fn is_bare_ipv6(authority: &str) -> bool {
    authority.bytes().filter(|byte| *byte == b':').count() > 1 && authority.parse::<Ipv6Addr>().is_ok()
}

/// A port as browsers serialise it: decimal, no leading zero.
pub(crate) fn parse_port(text: &str) -> Option<u16> {
    let canonical = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    if canonical { text.parse().ok() } else { None }
}

/// Hosts that never leave the machine: Secure Contexts, section 3.1, and RFC 6761.
pub(crate) fn is_loopback(kind: HostKind, host: &str) -> bool {
    match kind {
        HostKind::Name => host == "localhost" || host.ends_with(".localhost"),
        HostKind::Ipv4 => host.starts_with("127."),
        HostKind::Ipv6 => host == "[::1]",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_ascii_labels() {
        for good in ["localhost", "a.b", "xn--bcher-kva.example", "my_app.example.com", "a-.b", "1.2.3.4.example"] {
            assert_eq!(check(good), Ok(HostKind::Name), "{good}");
        }
        assert_eq!(check(""), Err(HostFault::Empty));
        assert_eq!(check("A.com"), Err(HostFault::UpperCase));
        assert_eq!(check("bücher.example"), Err(HostFault::NonAscii));
        assert_eq!(check("a%62.com"), Err(HostFault::BadCharacter));
        assert_eq!(check("a..com"), Err(HostFault::EmptyLabel));
        assert_eq!(check(".com"), Err(HostFault::EmptyLabel));
        assert_eq!(check("a.com."), Err(HostFault::TrailingDot));
        assert_eq!(check(&"a".repeat(64)), Err(HostFault::TooLong));
        assert_eq!(check(&format!("{}a", "a.".repeat(127))), Err(HostFault::TooLong));
    }

    #[test]
    fn addresses_are_canonical() {
        assert_eq!(check("127.0.0.1"), Ok(HostKind::Ipv4));
        for bad in ["127.1", "0127.0.0.1", "0x7f.0.0.1", "2130706433", "1.2.3.256", "example.0x1", "a.1"] {
            assert_eq!(check(bad), Err(HostFault::BadIpv4), "{bad}");
        }
        for good in ["[::1]", "[2001:db8::1]", "[::ffff:102:304]", "[1:2:3:4:5:6:7:8]", "[fe80::]"] {
            assert_eq!(check(good), Ok(HostKind::Ipv6), "{good}");
        }
        for bad in ["[::01]", "[0:0:0:0:0:0:0:1]", "[::ffff:1.2.3.4]", "[2001:DB8::1]", "[fe80::1%eth0]", "[]", "[::1"]
        {
            assert_eq!(check(bad), Err(HostFault::BadIpv6), "{bad}");
        }
    }

    #[test]
    fn the_longest_address_fits_its_buffer() {
        assert_eq!(check("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]"), Ok(HostKind::Ipv6));
    }

    #[test]
    fn ports_are_decimal_without_leading_zeros() {
        assert_eq!(parse_port("1"), Some(1));
        assert_eq!(parse_port("65535"), Some(65535));
        for bad in ["", "0", "080", "65536", "+80", "80 ", "*", "http", "99999999999"] {
            assert_eq!(parse_port(bad), None, "{bad}");
        }
    }
}
