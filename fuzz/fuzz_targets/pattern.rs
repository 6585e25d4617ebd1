//! Any text as a pattern: accepted ones are canonical and match themselves alone, refused ones say why.
#![no_main]

use libfuzzer_sys::fuzz_target;
use origin_policy::{Config, OriginPattern, OriginPolicy, Received};

fuzz_target!(|text: &str| {
    match text.parse::<OriginPattern>() {
        Ok(pattern) => {
            assert_eq!(pattern.to_string(), text);
            assert!(text.is_ascii() && !text.ends_with('/'));
            let config = Config { allow: vec![text.to_owned()], ..Config::default() };
            let policy = OriginPolicy::new(&config).expect("an accepted pattern makes a policy");
            let itself = policy.decide(Received::from(text)).is_allowed();
            assert_eq!(itself, !pattern.is_wildcard());
            let apex = text.replacen("*.", "", 1);
            assert_eq!(policy.decide(Received::from(apex.as_str())).is_allowed(), !pattern.is_wildcard());
        }
        Err(error) => {
            assert!(!error.message.is_empty());
            if let Some(suggestion) = error.suggestion {
                assert_ne!(suggestion, text);
                assert!(suggestion.parse::<OriginPattern>().is_ok());
            }
        }
    }
});
