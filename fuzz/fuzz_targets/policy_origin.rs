//! Lines of text as a policy, the last one as the header: more entries allow more, exact ones allow themselves alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use origin_policy::{Config, OriginPattern, OriginPolicy, Received};

fuzz_target!(|text: &str| {
    let mut allow: Vec<String> = text.lines().take(16).map(str::to_owned).collect();
    let Some(origin) = allow.pop() else { return };
    let received = Received::from(origin.as_str());
    let config = Config { allow: allow.clone(), ..Config::default() };
    if let Err(problems) = OriginPolicy::new(&config) {
        assert!(problems.iter().all(|problem| !problem.field.is_empty() && !problem.message.is_empty()));
    }

    // What remains is valid, so that most inputs reach a decision.
    let valid: Vec<String> = allow.into_iter().filter(|text| text.parse::<OriginPattern>().is_ok()).collect();
    let Some((last, others)) = valid.split_last() else { return };
    let build = |allow: &[String]| {
        OriginPolicy::new(&Config { allow: allow.to_vec(), ..Config::default() }).expect("valid patterns make a policy")
    };
    let whole = build(&valid).decide(received).is_allowed();
    let alone = build(std::slice::from_ref(last)).decide(received).is_allowed();
    let before = !others.is_empty() && build(others).decide(received).is_allowed();
    assert_eq!(whole, alone || before);
    if !last.contains('*') {
        assert_eq!(alone, *last == origin);
    }
});
