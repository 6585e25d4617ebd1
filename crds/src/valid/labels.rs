//! Keys of labels and annotations, which no schema can look at: the apiserver would refuse the pods' Deployment for one.

use serde::Serialize;
use serde_json::Value;

use crate::{Problem, v1alpha1::Workload};

pub(super) fn check(workload: &Workload) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut look = |field: &str, key: &str| {
        if !is_key(key) {
            let message = format!(
                "{key:?} is no key: write up to 63 letters, digits, '-', '_' and '.', with a domain before it or none, e.g. tier or example.com/tier"
            );
            problems.push(Problem::invalid(format!("spec.workload.{field}"), message));
        }
    };
    workload.pod_labels.keys().for_each(|key| look("podLabels", key));
    workload.pod_annotations.keys().for_each(|key| look("podAnnotations", &key.to_lowercase()));
    workload.node_selector.keys().for_each(|key| look("nodeSelector", key));
    selectors(&workload.affinity, "affinity", &mut look);
    selectors(&workload.topology_spread, "topologySpread", &mut look);
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn selectors(part: &impl Serialize, field: &str, look: &mut impl FnMut(&str, &str)) {
    find(&serde_json::to_value(part).expect("a spec is JSON"), field, look);
}

fn find(value: &Value, field: &str, look: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let field = format!("{field}.{name}");
                match value {
                    Value::Object(labels) if name == "matchLabels" => labels.keys().for_each(|key| look(&field, key)),
                    value => find(value, &field, look),
                }
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| find(item, &format!("{field}[{index}]"), look));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_key(key: &str) -> bool {
    let (domain, name) = key.split_once('/').map_or((None, key), |(domain, name)| (Some(domain), name));
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let of_domain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    is_word(name, 63, of_name)
        && domain
            .is_none_or(|domain| domain.len() <= 253 && domain.split('.').all(|label| is_word(label, 253, of_domain)))
}

/// Of these characters, with a letter or a digit at both ends.
fn is_word(word: &str, longest: usize, of: impl Fn(u8) -> bool) -> bool {
    let ends = [word.bytes().next(), word.bytes().next_back()];
    ends.iter().all(|end| end.is_some_and(|end| end.is_ascii_alphanumeric()))
        && word.len() <= longest
        && word.bytes().all(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_name_with_a_domain_or_without() {
        for key in ["a", "A.b_c-d", "tier", "example.com/tier", "a-b.c/1", &"a".repeat(63)] {
            assert!(is_key(key), "{key}");
        }
        for key in [
            "",
            "/",
            "a/",
            "/a",
            "a/b/c",
            "Example.com/tier",
            "a..b/c",
            "-a",
            "a-",
            "with space",
            "ünï",
            &"a".repeat(64),
        ] {
            assert!(!is_key(key), "{key}");
        }
    }
}
