use origin_policy::{Config, DenyReason, Hint, Missing, OriginPolicy, Received};

use crate::{config, policy};

const ALLOW: [&str; 5] = [
    "https://app.example.com",
    "https://*.preview.example.com",
    "http://localhost:5173",
    "https://xn--bcher-kva.example",
    "https://*.amazonaws.com",
];

#[test]
fn each_mistake_has_its_hint_and_its_nearest_entry() {
    let policy = policy(&ALLOW);
    for (origin, hint, nearest) in [
        ("http://app.example.com", Hint::WrongScheme, Some("https://app.example.com")),
        ("https://app.example.com:8443", Hint::PortDiffers, Some("https://app.example.com")),
        ("http://localhost:3000", Hint::PortDiffers, Some("http://localhost:5173")),
        ("https://localhost:5173", Hint::WrongScheme, Some("http://localhost:5173")),
        ("https://preview.example.com", Hint::ApexNotMatchedByWildcard, Some("https://*.preview.example.com")),
        ("http://a.preview.example.com", Hint::WrongScheme, Some("https://*.preview.example.com")),
        ("https://a.preview.example.com:1", Hint::PortDiffers, Some("https://*.preview.example.com")),
        ("https://api.example.com", Hint::SubdomainNotListed, Some("https://app.example.com")),
        ("https://x.app.example.com", Hint::SubdomainNotListed, Some("https://app.example.com")),
        ("https://dev-app.example.com", Hint::SubdomainNotListed, Some("https://app.example.com")),
        ("https://evil.s3.amazonaws.com", Hint::PublicSuffixNotCrossed, Some("https://*.amazonaws.com")),
        ("https://app.example.com.evil.net", Hint::LookAlike, Some("https://app.example.com")),
        ("https://notapp.example.com.", Hint::TrailingDot, Some("https://app.example.com")),
        ("https://evilxn--bcher-kva.example", Hint::LookAlike, Some("https://xn--bcher-kva.example")),
        ("https://app.exmaple.com", Hint::Misspelt, Some("https://app.example.com")),
        ("https://app.example.com/", Hint::TrailingSlash, Some("https://app.example.com")),
        ("https://app.example.com/x", Hint::NotAnOrigin, Some("https://app.example.com")),
        ("https://App.example.com", Hint::UpperCase, Some("https://app.example.com")),
        ("https://app.example.com:443", Hint::DefaultPort, Some("https://app.example.com")),
        ("https://app.example.com.", Hint::TrailingDot, Some("https://app.example.com")),
        ("https://bücher.example", Hint::NotPunycode, Some("https://xn--bcher-kva.example")),
        ("app.example.com", Hint::NotAnOrigin, Some("https://app.example.com")),
        ("null", Hint::OpaqueOrigin, None),
        ("https://a.com https://b.com", Hint::SeveralOrigins, None),
        ("", Hint::NotAnOrigin, None),
    ] {
        let explanation = policy.explain(Received::from(origin));
        assert_eq!(
            (explanation.hint, explanation.nearest.as_deref()),
            (hint, nearest),
            "{origin}: {}",
            explanation.message
        );
        let decided = policy.decide(Received::from(origin)).deny_reason();
        assert_eq!(decided, Some(explanation.reason), "{origin}");
    }
}

#[test]
fn a_name_above_an_entry_is_told_apart_from_one_beside_it() {
    let explanation = policy(&["https://app.example.com"]).explain(Received::from("https://example.com"));
    assert_eq!(explanation.hint, Hint::ParentNotListed);
}

#[test]
fn a_stranger_is_shown_an_entry_but_no_resemblance() {
    let explanation = policy(&ALLOW).explain(Received::from("https://stranger.test"));
    assert_eq!(explanation.hint, Hint::None);
    assert!(explanation.nearest.is_some());
    assert!(
        explanation.message.ends_with("add it to origins.allow if its pages may connect"),
        "{}",
        explanation.message
    );
}

#[test]
fn the_message_is_one_plain_sentence() {
    let policy = policy(&ALLOW);
    for (origin, message) in [
        ("http://app.example.com", "nearest allowed is https://app.example.com: the scheme differs (http received)"),
        (
            "https://app.example.com:8443",
            "nearest allowed is https://app.example.com: the port differs (port 8443 received, no port allowed)",
        ),
        ("https://app.example.com/", "nearest allowed is https://app.example.com: the origin has a trailing slash"),
    ] {
        assert_eq!(policy.explain(Received::from(origin)).message, message);
    }
}

#[test]
fn missing_and_repeated_headers_are_explained() {
    let strict = Config { missing: Missing::Deny, ..config(&["https://a.com"]) };
    let strict = OriginPolicy::new(&strict).expect("a valid policy");
    let missing = strict.explain(Received::Missing);
    assert_eq!((missing.reason, missing.hint), (DenyReason::OriginMissing, Hint::OriginRequired));
    let several = strict.explain(Received::Several(2));
    assert_eq!((several.reason, several.hint), (DenyReason::OriginMultiple, Hint::SeveralOrigins));
}

#[test]
fn hostile_bytes_leave_the_message_printable_and_short() {
    let policy = policy(&ALLOW);
    let long = format!("https://{}.evil.test", "a.".repeat(110));
    for bytes in [&b"https://\x1b[31m\xff"[..], b"\0", &[b'x'; 4096], long.as_bytes()] {
        let message = policy.explain(Received::from(bytes)).message;
        assert!(message.len() < 700 && !message.contains(char::is_control), "{message}");
    }
}
