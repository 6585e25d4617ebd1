//! What scripts rely on: exit statuses, one JSON object a line, the words of the closed sets. No cluster is needed.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

const CHAT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/chat.yaml");

fn run(args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-realtime"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("piped").write_all(stdin.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn manifest(spec: &str) -> String {
    format!(
        "apiVersion: realtime-operator.dev/v1alpha1\nkind: RealtimeService\nmetadata: {{name: chat}}\nspec: {spec}\n"
    )
}

#[test]
fn an_allowed_origin_is_0_and_a_denied_one_is_2() {
    for (origin, status, words) in [
        ("https://app.domain-b.com", 0, "allow"),
        ("https://pr-7.preview.domain-b.com", 0, "https://*.preview.domain-b.com"),
        ("http://app.domain-b.com", 2, "the scheme differs"),
        ("https://app.domain-b.com/", 2, "trailing slash"),
        ("https://preview.domain-b.com", 2, "never for preview.domain-b.com itself"),
        ("null", 2, "OriginNull"),
    ] {
        let output = run(&["origins", "check", "--file", CHAT, "--origin", origin], "");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(status), "{origin}: {said}");
        assert!(said.contains(words), "{origin}: {said}");
    }
}

#[test]
fn one_origin_a_line_gives_one_object_a_line_and_the_worst_status() {
    let origins = "https://app.domain-b.com\nhttps://app.domain-b.com.evil.org\n";
    let output = run(&["origins", "check", "--file", CHAT, "--origin-file", "-", "--json"], origins);
    assert_eq!(output.status.code(), Some(2));
    let answers = lines(&output);
    assert_eq!((&answers[0]["verdict"], &answers[0]["pattern"]), (&"allow".into(), &"https://app.domain-b.com".into()));
    assert_eq!((&answers[1]["verdict"], &answers[1]["reason"]), (&"deny".into(), &"OriginNotListed".into()));
    assert_eq!(
        (&answers[1]["hint"], &answers[1]["nearest"]),
        (&"LookAlike".into(), &"https://app.domain-b.com".into())
    );
}

#[test]
fn a_bad_policy_is_3_with_all_problems() {
    let bad = manifest(
        "{host: a.com, origins: {allow: ['*', 'https://a.com/', 'http://b.com'], credentials: true, allowedHeaders: ['*']}}",
    );
    let output = run(&["origins", "check", "--file", "-", "--origin", "https://a.com", "--json"], &bad);
    assert_eq!(output.status.code(), Some(3));
    let answer = lines(&output).remove(0);
    let problems = answer["problems"].as_array().expect("a list");
    let fields: Vec<_> = problems.iter().filter_map(|problem| problem["field"].as_str()).collect();
    for field in
        ["spec.origins.allow[0]", "spec.origins.allow[1]", "spec.origins.allow[2]", "spec.origins.allowedHeaders[0]"]
    {
        assert!(fields.contains(&field), "{field} is not among {fields:?}");
    }
    assert_eq!(answer["verdict"], "invalid");
}

#[test]
fn words_that_are_no_command_are_3_and_help_is_0() {
    assert_eq!(run(&["nonsense"], "").status.code(), Some(3));
    assert_eq!(run(&["origins", "check", "--file", CHAT], "").status.code(), Some(3));
    assert_eq!(run(&["render", "-f", "/nowhere.yaml"], "").status.code(), Some(3));
    assert_eq!(run(&["--help"], "").status.code(), Some(0));
}

#[test]
fn render_prints_every_child_once_and_the_same_each_time() {
    let list = || run(&["render", "-f", CHAT, "-o", "json"], "");
    let output = list();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, list().stdout);
    let list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&list["apiVersion"], &list["kind"]), (&"v1".into(), &"List".into()));
    let kinds: Vec<_> =
        list["items"].as_array().expect("items").iter().filter_map(|item| item["kind"].as_str()).collect();
    let expected =
        ["ServiceAccount", "Role", "RoleBinding", "ConfigMap", "BackendConfig", "Service", "Ingress", "Deployment"];
    assert_eq!(kinds, expected);
    let yaml = run(&["render", "-f", CHAT], "");
    assert_eq!(String::from_utf8_lossy(&yaml.stdout).matches("\nkind: ").count(), expected.len());
}

#[test]
fn a_file_with_several_services_renders_all_and_asks_which_to_check() {
    let two = manifest("{host: a.com, origins: {allow: ['https://a.com']}}");
    let two = format!("{two}---\n{}", two.replace("name: chat", "name: news"));
    let rendered = run(&["render", "-f", "-", "-o", "json"], &two);
    let list: Value = serde_json::from_slice(&rendered.stdout).expect("JSON");
    assert_eq!(list["items"].as_array().map(Vec::len), Some(16));
    let unclear = run(&["origins", "check", "--file", "-", "--origin", "https://a.com"], &two);
    assert_eq!(unclear.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&unclear.stderr).contains("chat, news"));
    let named = run(&["origins", "check", "--file", "-", "--name", "news", "--origin", "https://a.com"], &two);
    assert_eq!(named.status.code(), Some(0));
}

#[test]
fn bytes_that_are_no_text_are_one_denied_origin_among_others() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-realtime"))
        .args(["origins", "check", "--file", CHAT, "--origin-file", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let origins = b"\xef\xbb\xbfhttps://app.domain-b.com\r\nhttps://\xff.com\n";
    child.stdin.take().expect("piped").write_all(origins).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let verdicts: Vec<_> = lines(&output).iter().map(|line| line["verdict"].clone()).collect();
    assert_eq!(verdicts, ["allow", "deny"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_is_legal_and_unwise_is_1() {
    let unwise = manifest("{host: a.com, origins: {allow: ['https://a.com'], maxAge: 3h}}");
    let output = run(&["render", "-f", "-"], &unwise);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("spec.origins.maxAge"));
}

#[test]
fn what_is_unwise_in_the_words_of_kubectl_apply_is_1_only_where_warnings_are_strict() {
    let unwise =
        manifest("{host: a.com, origins: {allow: ['https://a.com']}, workload: {image: 'example.com/chat:latest'}}");
    let rendered = |more: &[&str]| run(&[&["render", "-f", "-"], more].concat(), &unwise);
    let (lenient, strict) = (rendered(&[]), rendered(&["--strict-warnings"]));
    assert_eq!((lenient.status.code(), strict.status.code()), (Some(0), Some(1)));
    assert_eq!(lenient.stdout, strict.stdout);
    let said = String::from_utf8_lossy(&lenient.stderr);
    assert!(said.contains("warning: spec.workload.image: without a version"), "{said}");
}
