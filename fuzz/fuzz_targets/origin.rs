//! Any bytes as an `Origin` header of one fixed policy: what is allowed is a listed text or ends in a listed base.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use origin_policy::{Config, Decision, OriginPolicy, Received};

const EXACT: [&str; 4] =
    ["https://app.example.com", "http://localhost:5173", "http://[::1]:3000", "capacitor://localhost"];
const WILD: [(&str, &str, &str); 3] = [
    ("https://*.example.net", "https://", ".example.net"),
    ("https://*.preview.example.com:8443", "https://", ".preview.example.com:8443"),
    ("http://*.localhost:3000", "http://", ".localhost:3000"),
];

static POLICY: LazyLock<OriginPolicy> = LazyLock::new(|| {
    let allow = EXACT.into_iter().chain(WILD.map(|(text, ..)| text)).map(str::to_owned).collect();
    OriginPolicy::new(&Config { allow, ..Config::default() }).expect("a valid policy")
});

fuzz_target!(|bytes: &[u8]| {
    let explanation = POLICY.explain(Received::from(bytes));
    assert!(explanation.message.len() < 2048 && !explanation.message.contains(char::is_control));
    match POLICY.decide(Received::from(bytes)) {
        Decision::Denied(reason) => assert_eq!(explanation.reason, reason),
        Decision::Allowed(_) => {
            let text = std::str::from_utf8(bytes).expect("allowed origins are ASCII");
            let below = |(_, scheme, tail): &(&str, &str, &str)| {
                let labels = text.strip_prefix(scheme).and_then(|rest| rest.strip_suffix(tail));
                labels.is_some_and(|labels| {
                    labels.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
                })
            };
            assert!(EXACT.contains(&text) || WILD.iter().any(below), "{text}");
        }
    }
});
