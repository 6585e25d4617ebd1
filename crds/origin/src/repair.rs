//! What somebody probably meant. Only ever a suggestion: nothing that is repaired here is accepted by itself.

use std::{borrow::Cow, net::Ipv6Addr};

use crate::{host, origin, pattern, text::within_edits};

/// The pattern that was probably meant, if the text can be mended to one that is accepted.
pub(crate) fn pattern(text: &str) -> Option<String> {
    if text.len() > origin::MAX_ORIGIN_LEN {
        return None;
    }
    let plain: Cow<'_, str> = match is_regular_expression(text) {
        true => without_regular_expression(text).into(),
        false => text.into(),
    };
    let plain = plain.trim_matches(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '\'' | '"' | ','));
    let (scheme, rest) = scheme_and_rest(plain)?;
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let (host, port) = host_and_port(authority, scheme)?;
    let mended = format!("{scheme}://{host}{port}");
    let accepted = mended != text && pattern::parse(&mended).is_ok();
    accepted.then_some(mended)
}

/// Whether somebody copied a regular expression from a server's source.
pub(crate) fn is_regular_expression(text: &str) -> bool {
    let signs = ["^http", "s?:", "//.*", "//.+", "\\.", "\\/", "$/", "(", "|"];
    signs.iter().any(|sign| text.contains(sign))
}

fn without_regular_expression(text: &str) -> String {
    let text = text.replace('\\', "");
    let text = text.trim_start_matches(['/', '^']).trim_end_matches(['/', '$']);
    text.replace("https?", "https").replace(".*", "*").replace(".+", "*")
}

fn scheme_and_rest(text: &str) -> Option<(&'static str, &str)> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return guessed_scheme(text);
    };
    let scheme = scheme.to_ascii_lowercase();
    let known = match scheme.as_str() {
        "http" | "ws" => "http",
        "https" | "wss" => "https",
        near if near.len() > 3 && within_edits(near.as_bytes(), b"https", 1) => "https",
        near if near.len() > 3 && within_edits(near.as_bytes(), b"http", 1) => "http",
        other => crate::scheme::Scheme::named(other)?.as_str(),
    };
    Some((known, rest))
}

/// Developers' own machines speak http, everything else https.
fn guessed_scheme(text: &str) -> Option<(&'static str, &str)> {
    let (named, rest) = match (text.strip_prefix("https:"), text.strip_prefix("http:")) {
        (Some(rest), _) => (Some("https"), rest),
        (_, Some(rest)) => (Some("http"), rest),
        (None, None) => (None, text),
    };
    let rest = rest.trim_start_matches('/');
    let (name, _) = host::split_port(rest);
    let kind = host::check(name).ok();
    let loopback = kind.is_some_and(|kind| host::is_loopback(kind, name));
    let names_a_host = loopback || name.contains('.') || name.starts_with('[');
    let guess = if loopback { "http" } else { "https" };
    names_a_host.then_some((named.unwrap_or(guess), rest))
}

/// The host as browsers write it, and `:port` unless it is the default.
fn host_and_port(authority: &str, scheme: &str) -> Option<(String, String)> {
    if let Ok(bare) = authority.parse::<Ipv6Addr>() {
        return Some((format!("[{}]", host::ipv6_text(bare)), String::new()));
    }
    let (host, port) = host::split_port(authority);
    let port = match port {
        None | Some("") => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse::<u16>().ok()?),
        Some(_) => return None,
    };
    let port = port.filter(|port| Some(*port) != origin::default_port(scheme));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    if let Some(inner) = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        return Some((format!("[{}]", host::ipv6_text(inner.parse().ok()?)), port));
    }
    let host = host.trim_end_matches('.');
    // `.example.com` is how cookies and some proxies write "all subdomains".
    let base = host.trim_start_matches(['*', '.']);
    let wildcard = if base.len() < host.len() { "*." } else { "" };
    let ascii = idna::domain_to_ascii(base).ok()?;
    // `127.1` is an address to some and a mistake to others: no guess.
    Some((format!("{wildcard}{ascii}"), port))
}
