use origin_policy::{Config, Decision, OriginPattern, OriginPolicy, Received};
use proptest::prelude::*;

/// Hosts that are close to each other, so that patterns and origins meet.
fn host() -> impl Strategy<Value = String> {
    let label = prop_oneof![Just("a"), Just("b"), Just("app"), Just("x-y"), Just("1a")];
    let base = prop_oneof![
        Just("example.com"),
        Just("ample.com"),
        Just("example.co.uk"),
        Just("me.github.io"),
        Just("amazonaws.com"),
        Just("s3.amazonaws.com"),
        Just("localhost"),
        Just("com"),
    ];
    (prop::collection::vec(label, 0..4), base).prop_map(|(labels, base)| {
        let mut labels: Vec<&str> = labels;
        labels.push(base);
        labels.join(".")
    })
}

fn exact() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![Just("https"), Just("http")];
    let port = prop_oneof![Just(""), Just(":8443"), Just(":84")];
    (scheme, host(), port).prop_map(|(scheme, host, port)| format!("{scheme}://{host}{port}"))
}

fn pattern() -> impl Strategy<Value = String> {
    let wild = exact().prop_map(|exact| exact.replacen("://", "://*.", 1));
    let accepted = |text: &String| text.parse::<OriginPattern>().is_ok();
    prop_oneof![exact(), wild].prop_filter("an accepted pattern", accepted)
}

/// Well-formed origins, and the same with one byte changed, added or taken away.
fn received() -> impl Strategy<Value = Vec<u8>> {
    let mutated = (exact(), any::<prop::sample::Index>(), any::<u8>(), 0..3).prop_map(|(origin, at, byte, kind)| {
        let mut bytes = origin.into_bytes();
        let at = at.index(bytes.len());
        match kind {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
        bytes
    });
    prop_oneof![exact().prop_map(String::into_bytes), mutated, prop::collection::vec(any::<u8>(), 0..600)]
}

fn build(allow: &[String]) -> OriginPolicy {
    OriginPolicy::new(&Config { allow: allow.to_vec(), ..Config::default() }).expect("a valid policy")
}

fn allowed(policy: &OriginPolicy, origin: &[u8]) -> bool {
    policy.decide(Received::from(origin)).is_allowed()
}

/// Slow and plain: looks at every pattern, knows no index, takes texts apart by itself.
fn obviously(patterns: &[String], origin: &[u8]) -> bool {
    let Ok(origin) = std::str::from_utf8(origin) else { return false };
    patterns.iter().any(|pattern| match pattern.split_once("*.") {
        None => pattern == origin,
        Some((scheme, base)) => {
            let tail = format!(".{base}");
            let labels = origin.strip_prefix(scheme).and_then(|rest| rest.strip_suffix(tail.as_str()));
            labels.is_some_and(|labels| {
                let base_host = base.split(':').next().unwrap_or(base);
                let host = format!("{labels}.{base_host}");
                let suffix = psl::suffix_str(&host).unwrap_or("");
                is_plain(labels) && host.len() <= 253 && (host.ends_with(".localhost") || is_below(base_host, suffix))
            })
        }
    })
}

fn is_plain(labels: &str) -> bool {
    labels.split('.').all(|label| {
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(letters)
    })
}

fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix).is_some_and(|head| head.ends_with('.'))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_exact_pattern_matches_itself_and_nothing_else(pattern in exact(), other in received()) {
        let policy = build(std::slice::from_ref(&pattern));
        prop_assert!(allowed(&policy, pattern.as_bytes()));
        prop_assert_eq!(allowed(&policy, &other), other == pattern.as_bytes());
    }

    #[test]
    fn adding_a_pattern_never_denies_what_was_allowed(
        patterns in prop::collection::vec(pattern(), 1..6), more in pattern(), at in any::<prop::sample::Index>(), origin in received(),
    ) {
        let before = allowed(&build(&patterns), &origin);
        let mut grown = patterns.clone();
        grown.insert(at.index(patterns.len() + 1), more);
        prop_assert!(!before || allowed(&build(&grown), &origin));
    }

    #[test]
    fn the_matcher_agrees_with_an_obvious_one(patterns in prop::collection::vec(pattern(), 1..8), origin in received()) {
        let policy = build(&patterns);
        prop_assert_eq!(allowed(&policy, &origin), obviously(&patterns, &origin), "{:?} {:?}", patterns, origin);
    }

    #[test]
    fn a_wildcard_never_matches_its_own_base(pattern in pattern()) {
        let base = pattern.replacen("*.", "", 1);
        prop_assert_eq!(allowed(&build(std::slice::from_ref(&pattern)), base.as_bytes()), base == pattern);
    }

    #[test]
    fn a_shadowed_pattern_changes_no_verdict(patterns in prop::collection::vec(pattern(), 1..8), origin in received()) {
        let policy = build(&patterns);
        let shadowed: Vec<&str> = policy.warnings().iter().map(|warning| warning.value.as_str()).collect();
        let all = policy.patterns().iter().map(ToString::to_string);
        let needed: Vec<String> = all.filter(|text| !policy.warnings().iter().any(|warning| {
            warning.reason == origin_policy::ProblemReason::Shadowed && warning.value == *text
        })).collect();
        prop_assert_eq!(allowed(&policy, &origin), allowed(&build(&needed), &origin), "{:?}", shadowed);
    }

    #[test]
    fn no_bytes_make_it_panic_and_denials_are_explained(patterns in prop::collection::vec(pattern(), 1..6), origin in received()) {
        let policy = build(&patterns);
        let received = Received::from(origin.as_slice());
        let explanation = policy.explain(received);
        if let Decision::Denied(reason) = policy.decide(received) {
            prop_assert_eq!(explanation.reason, reason);
            prop_assert!(!explanation.message.is_empty());
        }
    }

    #[test]
    fn every_problem_has_a_field_and_a_message_and_every_suggestion_is_accepted(
        text in "\\PC{0,40}|[a-zA-Z:/*.@?#\\[\\]\\\\0-9_-]{0,40}|(https?|wss?|HTTPS)://[*.a-zA-Zéü0-9-]{0,12}(:[0-9*]{0,6})?[/?#]?",
        header in "\\PC{0,20}",
        credentials in any::<bool>(),
    ) {
        let config = Config { allow: vec![text], allowed_headers: vec![header], credentials, ..Config::default() };
        let problems = match OriginPolicy::new(&config) {
            Ok(policy) => policy.warnings().to_vec(),
            Err(problems) => problems,
        };
        for problem in problems {
            prop_assert!(!problem.field.is_empty() && !problem.message.is_empty());
            prop_assert!(problem.to_string().starts_with(&problem.field));
            if let Some(suggestion) = problem.suggestion {
                let mut mended = Config { allow: vec!["https://a.example".to_owned()], credentials, ..Config::default() };
                match problem.field.as_str() {
                    "allow[0]" => mended.allow = vec![suggestion],
                    _ => mended.allowed_headers = vec![suggestion],
                }
                prop_assert!(OriginPolicy::new(&mended).is_ok(), "{:?}", mended);
            }
        }
    }
}
