use std::time::Duration;

use origin_policy::{Config, OriginPolicy, Problem, ProblemReason};

use crate::{config, policy};

fn problems(config: &Config) -> Vec<Problem> {
    OriginPolicy::new(config).expect_err("problems")
}

fn reasons(problems: &[Problem]) -> Vec<(&str, ProblemReason)> {
    problems.iter().map(|problem| (problem.field.as_str(), problem.reason)).collect()
}

#[test]
fn all_problems_are_told_at_once_and_in_order() {
    let config = Config {
        allow: ["https://a.com/", "https://b.com", "*", "http://c.com"].map(str::to_owned).to_vec(),
        credentials: true,
        allowed_headers: vec!["*".to_owned(), "Cookie".to_owned()],
        exposed_headers: vec!["X Y".to_owned()],
        max_age: Duration::from_secs(86_401),
        ..Config::default()
    };
    assert_eq!(
        reasons(&problems(&config)),
        [
            ("allow[0]", ProblemReason::TrailingSlash),
            ("allow[2]", ProblemReason::WildcardAny),
            ("allow[3]", ProblemReason::InsecureWithCredentials),
            ("allowedHeaders[0]", ProblemReason::HeaderWildcard),
            ("allowedHeaders[1]", ProblemReason::HeaderForbidden),
            ("exposedHeaders[0]", ProblemReason::HeaderNotToken),
            ("maxAge", ProblemReason::MaxAgeOutOfRange),
        ]
    );
}

#[test]
fn a_problem_reads_as_a_sentence() {
    let found = problems(&config(&["https://b.com", "https://a.com/"]));
    assert_eq!(
        found[0].to_string(),
        r#"allow[1] "https://a.com/": has a trailing slash; an origin is scheme://host[:port]; write "https://a.com""#
    );
    assert!(problems(&config(&[]))[0].to_string().starts_with("allow: names no origin"));
}

#[test]
fn the_empty_list_is_refused() {
    assert_eq!(reasons(&problems(&config(&[]))), [("allow", ProblemReason::EmptyList)]);
}

#[test]
fn star_and_null_are_refused_with_and_without_credentials() {
    for credentials in [false, true] {
        let found = problems(&Config { credentials, ..config(&["*", "null"]) });
        let expected = [("allow[0]", ProblemReason::WildcardAny), ("allow[1]", ProblemReason::NullOrigin)];
        assert_eq!(reasons(&found), expected);
    }
}

#[test]
fn plain_http_with_credentials_stays_on_the_machine() {
    let local = [
        "http://localhost:5173",
        "http://*.localhost",
        "http://127.0.0.1",
        "http://[::1]:3000",
        "capacitor://localhost",
    ];
    assert!(OriginPolicy::new(&Config { credentials: true, ..config(&local) }).is_ok());
    assert!(OriginPolicy::new(&config(&["http://intranet.example.com"])).is_ok());
    for (text, suggestion) in [
        ("http://intranet.example.com:8080", "https://intranet.example.com:8080"),
        ("http://*.example.com", "https://*.example.com"),
        ("http://a.example.com:443", "https://a.example.com"),
    ] {
        let found = problems(&Config { credentials: true, ..config(&[text]) });
        assert_eq!(found[0].reason, ProblemReason::InsecureWithCredentials, "{text}");
        assert_eq!(found[0].suggestion.as_deref(), Some(suggestion));
    }
}

#[test]
fn a_suggestion_is_accepted_under_the_same_policy() {
    let found = problems(&Config { credentials: true, ..config(&["http://a.example.com/x"]) });
    assert_eq!(
        (found[0].reason, found[0].suggestion.as_deref()),
        (ProblemReason::HasPath, Some("https://a.example.com"))
    );
}

#[test]
fn duplicates_and_shadowed_entries_are_warnings() {
    let policy = policy(&[
        "https://*.example.com",
        "https://a.example.com",
        "https://*.b.example.com",
        "https://example.com",
        "https://example.com",
        "http://a.example.com",
        "https://a.example.com:8443",
    ]);
    let expected = [
        ("allow[4]", ProblemReason::Duplicate),
        ("allow[1]", ProblemReason::Shadowed),
        ("allow[2]", ProblemReason::Shadowed),
    ];
    assert_eq!(reasons(policy.warnings()), expected);
    assert_eq!(policy.patterns().len(), 6);
    assert_eq!(policy.warnings()[0].message, "is listed already, as allow[3]");
    assert_eq!(policy.warnings()[1].message, "is covered by https://*.example.com already");
}

#[test]
fn an_entry_that_its_wildcard_cannot_reach_is_not_shadowed() {
    let policy = policy(&["https://*.amazonaws.com", "https://mine.s3.amazonaws.com"]);
    assert!(policy.warnings().is_empty(), "{:?}", policy.warnings());
}

#[test]
fn the_greatest_ages_are_a_warning_and_a_day_is_the_limit() {
    let aged = |seconds| Config { max_age: Duration::from_secs(seconds), ..config(&["https://a.com"]) };
    assert!(OriginPolicy::new(&aged(0)).expect("valid").warnings().is_empty());
    assert!(OriginPolicy::new(&aged(7200)).expect("valid").warnings().is_empty());
    let capped = OriginPolicy::new(&aged(86_400)).expect("valid");
    assert_eq!(reasons(capped.warnings()), [("maxAge", ProblemReason::MaxAgeCapped)]);
    let beyond = Config { max_age: Duration::from_millis(86_400_001), ..config(&["https://a.com"]) };
    assert_eq!(reasons(&problems(&beyond)), [("maxAge", ProblemReason::MaxAgeOutOfRange)]);
}

#[test]
fn what_was_configured_can_be_read_back() {
    let policy = policy(&["https://a.com"]);
    assert_eq!(policy.allowed_headers(), ["Authorization", "Content-Type"]);
    assert!(policy.exposed_headers().is_empty() && policy.warnings().is_empty() && !policy.credentials());
    assert_eq!(policy.max_age(), Duration::from_secs(600));
}
