//! A file is refused for the same reasons as by `kubectl apply`.

use super::*;

fn manifest(spec: &str) -> String {
    format!(
        "apiVersion: realtime-operator.dev/v1alpha1\nkind: RealtimeService\nmetadata: {{name: chat}}\nspec: {spec}\n"
    )
}

fn fields_refused(spec: &str) -> Vec<String> {
    read(&manifest(spec)).expect_err(spec).into_iter().map(|problem| problem.to_string()).collect()
}

const ALLOW: &str = "origins: {allow: ['https://app.domain-b.com']}";

#[test]
fn five_lines_are_enough_and_defaults_are_filled_in() {
    let services = read(&manifest(&format!("{{host: chat.domain-a.com, {ALLOW}}}"))).expect("valid");
    let spec = &services[0].spec;
    assert_eq!(spec.path, "/socket.io");
    assert_eq!(spec.workload.replicas, 1);
    assert!(matches!(ValidService::new(&services[0]).expect("valid").way(), crate::Way::Gke(_)));
    assert_eq!(spec.timeouts.max_connection_age.to_string(), "1h");
    assert_eq!(spec.origins.allowed_headers, ["Authorization", "Content-Type"]);
}

#[test]
fn each_mistake_names_its_field() {
    for (spec, field, words) in [
        (format!("{{host: a.com, {ALLOW}, hots: 1}}"), "spec.hots", "not a field"),
        ("{host: a.com, origins: {allow: 'https://a.com'}}".to_owned(), "spec.origins.allow", "array"),
        ("{host: a.com, origins: {allow: []}}".to_owned(), "spec.origins.allow", "at least 1"),
        ("{host: a.com, origins: {allow: ['https://a.com/']}}".to_owned(), "spec.origins.allow[0]", "slash"),
        ("{host: a.com, origins: {allow: ['*']}}".to_owned(), "spec.origins.allow[0]", "every site"),
        (format!("{{host: a.com, {ALLOW}, path: oursocketio}}"), "spec.path", "must start with"),
        (format!("{{host: 'https://a.com', {ALLOW}}}"), "spec.host", "no scheme"),
        (format!("{{host: a.com, {ALLOW}, workload: {{replicas: -1}}}}"), "spec.workload.replicas", "minimum of 0"),
        (format!("{{host: a.com, {ALLOW}, timeouts: {{drain: 2h}}}}"), "spec.timeouts.drain", "59m"),
        (
            format!("{{host: a.com, {ALLOW}, timeouts: {{maxConnectionAge: 30d}}}}"),
            "spec.timeouts.maxConnectionAge",
            "30d",
        ),
        (format!("{{host: a.com, {ALLOW}, exposure: {{none: {{}}, gke: {{}}}}}}"), "spec.exposure", "exactly one"),
        (format!("{{host: a.com, {ALLOW}, transports: [webtransport]}}"), "spec.transports[0]", "webtransport"),
        (
            "{host: a.com, origins: {allow: ['https://*.com']}}".to_owned(),
            "spec.origins.allow[0]",
            "anybody can register",
        ),
        ("{origins: {allow: ['https://a.com']}}".to_owned(), "spec.host", "required"),
    ] {
        let refused = fields_refused(&spec);
        assert!(
            refused.iter().any(|line| line.starts_with(field) && line.contains(words)),
            "{spec}: no line names {field} and says {words:?}: {refused:#?}"
        );
    }
}

#[test]
fn several_mistakes_are_told_at_once() {
    let refused = fields_refused("{host: a.com, origins: {allow: []}, workload: {replicas: -1}, color: red}");
    assert_eq!(refused.len(), 3, "{refused:#?}");
}

#[test]
fn problems_of_schema_rules_and_policy_are_told_together() {
    let refused = fields_refused(
        "{host: a.com, path: x, origins: {allow: ['https://a.com/', 'https://*.com', 'null']}, workload: {replicas: -1}}",
    );
    let fields: Vec<_> = refused.iter().filter_map(|line| line.split(':').next()).collect();
    let expected = [
        "spec.path",
        "spec.workload.replicas",
        "spec.origins.allow[0]",
        "spec.origins.allow[1]",
        "spec.origins.allow[2]",
    ];
    assert_eq!(fields, expected, "{refused:#?}");
}

#[test]
fn other_kinds_are_passed_over_and_none_at_all_is_said() {
    let text = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: a}}\n---\n{}",
        manifest(&format!("{{host: a.com, {ALLOW}}}"))
    );
    assert_eq!(read(&text).expect("valid").len(), 1);
    let refused = read("apiVersion: v1\nkind: Namespace\n").expect_err("no RealtimeService");
    assert!(refused[0].message.contains("no RealtimeService"), "{refused:?}");
}

#[test]
fn what_is_read_can_be_written_and_read_again() {
    let service =
        read(&manifest(&format!("{{host: a.com, {ALLOW}, timeouts: {{drain: 90s}}}}"))).expect("valid").remove(0);
    let again = one(&bare(&service)).expect("a bare manifest is valid");
    assert_eq!(service.spec, again.spec);
}

#[test]
fn origins_are_judged_even_where_something_else_cannot_be_read() {
    let refused = fields_refused("{host: a.com, transports: [carrier], origins: {allow: ['null', 'https://*.com']}}");
    for field in ["spec.transports[0]", "spec.origins.allow[0]", "spec.origins.allow[1]"] {
        assert!(refused.iter().any(|line| line.starts_with(field)), "{field} is not in {refused:#?}");
    }
}

#[test]
fn another_version_is_refused_and_a_list_is_read() {
    let valid = manifest(&format!("{{host: a.com, {ALLOW}}}"));
    let refused = read(&valid.replace("v1alpha1", "v7")).expect_err("another version");
    assert!(refused[0].to_string().starts_with("apiVersion: "), "{refused:?}");
    let item = valid.lines().map(|line| format!("  {line}\n")).collect::<String>().replacen("  ", "- ", 1);
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{item}");
    assert_eq!(read(&list).expect("valid").len(), 1);
}

#[test]
fn what_the_apiserver_refuses_as_a_duplicate_is_refused_here_too() {
    let refused = fields_refused("{host: a.com, origins: {allow: ['https://a.com', 'https://a.com']}}");
    assert!(refused.iter().any(|line| line.starts_with("spec.origins.allow")), "{refused:#?}");
}

/// Every case of `tests/plan/refused.yaml`; the tests against the apiserver put the same ones to it.
#[test]
fn what_may_not_be_planned_is_refused_with_its_field_and_what_is_allowed() {
    let cases: Vec<Value> = serde_saphyr::from_str(include_str!("../../../tests/plan/refused.yaml")).expect("YAML");
    let mut poor = Vec::new();
    for case in &cases {
        let mut spec =
            serde_json::json!({"host": "chat.domain-a.com", "origins": {"allow": ["https://app.domain-b.com"]}});
        spec.as_object_mut().expect("an object").extend(case["spec"].as_object().expect("fields").clone());
        let document = serde_json::json!({"apiVersion": API_VERSION, "kind": "RealtimeService", "metadata": {"name": "chat"}, "spec": spec});
        let problems = one(&document).err().unwrap_or_default();
        let words: Vec<_> = case["says"].as_array().expect("words").iter().filter_map(Value::as_str).collect();
        let more = case["offline"].as_str().unwrap_or_default();
        let says = |problem: &Problem| {
            let message = &problem.message;
            case["field"] == *problem.field && message.contains(more) && words.iter().all(|word| message.contains(word))
        };
        if !problems.iter().any(says) {
            poor.push(format!(
                "{}\n    should name {} and say {words:?} {more:?}: {problems:#?}",
                case["spec"], case["field"]
            ));
        }
    }
    assert!(poor.is_empty(), "{} of {} are not refused well:\n{}", poor.len(), cases.len(), poor.join("\n"));
}
