//! The policy as its callers see it: configured, asked, explained, and asked very often.

mod cases;
mod configuration;
mod cost;
mod explanations;
mod properties;

use origin_policy::{Config, OriginPolicy};

fn config(allow: &[&str]) -> Config {
    Config { allow: allow.iter().map(|text| (*text).to_owned()).collect(), ..Config::default() }
}

fn policy(allow: &[&str]) -> OriginPolicy {
    OriginPolicy::new(&config(allow)).expect("a valid policy")
}
