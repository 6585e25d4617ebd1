//! What is generated or promised elsewhere agrees with the code.

use origin_policy::{DenyReason, Hint, ProblemReason};
use realtime_crds::{conditions::Reason, manifest};

fn document(path: &str) -> String {
    let path = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|found| found == word)
}

#[test]
fn every_word_of_the_origin_policy_is_documented() {
    let text = document("docs/origins.md");
    let words = DenyReason::ALL.iter().map(|word| word.as_str());
    let words = words.chain(Hint::ALL.iter().map(|word| word.as_str()));
    let missing: Vec<_> = words
        .chain(ProblemReason::ALL.iter().map(|word| word.as_str()))
        .filter(|word| !has_word(&text, word))
        .collect();
    assert!(missing.is_empty(), "docs/origins.md does not tell of {missing:?}");
}

#[test]
fn every_condition_reason_is_documented() {
    let text = document("docs/status.md");
    let missing: Vec<_> = Reason::ALL.iter().map(|word| word.as_str()).filter(|word| !has_word(&text, word)).collect();
    assert!(missing.is_empty(), "docs/status.md does not tell of {missing:?}");
}

#[test]
fn the_examples_are_valid() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let files = std::fs::read_dir(folder).expect("there are examples").flatten().map(|entry| entry.path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
    assert!(files.len() >= 8, "{files:?}");
    for example in files {
        let text = std::fs::read_to_string(&example).expect("an example is text");
        manifest::read(&text).unwrap_or_else(|problems| panic!("{}: {problems:?}", example.display()));
    }
}

#[test]
fn the_definition_that_is_checked_in_is_current() {
    let current = manifest::definitions_yaml() == document("crds/realtimeservices.yaml");
    assert!(current, "crds/realtimeservices.yaml is stale: run `make definitions`");
}

#[test]
fn what_the_charts_hold_is_current() {
    for (path, current) in [
        ("charts/realtime-crds/files/realtimeservices.yaml", manifest::definitions_yaml()),
        ("charts/realtime-operator/files/warnings.yaml", manifest::warnings_yaml()),
    ] {
        assert!(current == document(path), "{path} is stale: run `make definitions`");
    }
}
