//! `diff` where there is no cluster to ask.

use std::{
    io::Write,
    net::TcpListener,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

const CHAT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/chat.yaml");

fn diff(kubeconfig: &str, args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-realtime"))
        .arg("diff")
        .args(args)
        .env("KUBECONFIG", kubeconfig)
        .env_remove("KUBERNETES_SERVICE_HOST")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("piped").write_all(stdin.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A kubeconfig for a port at which nobody listens.
fn unreachable() -> tempfile::NamedTempFile {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    write!(
        file,
        "{{apiVersion: v1, kind: Config, current-context: c, contexts: [{{name: c, context: {{cluster: c, user: u}}}}], \
         users: [{{name: u, user: {{}}}}], clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]}}"
    )
    .expect("it is written");
    file
}

#[test]
fn a_cluster_that_does_not_answer_is_2() {
    let kubeconfig = unreachable();
    let path = kubeconfig.path().to_str().expect("a path");
    let output = diff(path, &["-f", CHAT], "");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("failed to reach the cluster for RealtimeService default/chat: "), "{said}");
    assert!(output.stdout.is_empty());
    let answer = json(&diff(path, &["-f", CHAT, "--json"], ""));
    assert_eq!((&answer["verdict"], &answer["reason"]), (&"failed".into(), &"Unreachable".into()));
}

#[test]
fn no_cluster_at_all_is_2() {
    let output = diff("/nowhere/kubeconfig", &["-f", CHAT, "--json"], "");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(json(&output)["reason"], "NoCluster");
}

#[test]
fn an_invalid_file_is_3_before_any_cluster_is_asked() {
    let bad = "apiVersion: realtime-operator.dev/v1alpha1\nkind: RealtimeService\nmetadata: {name: chat}\nspec: {host: a.com, origins: {allow: ['https://a.com/']}}\n";
    let output = diff("/nowhere/kubeconfig", &["-f", "-", "--json"], bad);
    assert_eq!(output.status.code(), Some(3));
    let answer = json(&output);
    assert_eq!((&answer["verdict"], &answer["reason"]), (&"invalid".into(), &"Invalid".into()));
    assert_eq!(answer["problems"][0]["field"], "spec.origins.allow[0]");
    assert_eq!(diff("/nowhere/kubeconfig", &["-f", "/nowhere.yaml"], "").status.code(), Some(3));
}

#[test]
fn help_says_the_exit_statuses() {
    let output = diff("", &["--help"], "");
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8_lossy(&output.stdout);
    assert!(help.contains("0 no difference, 1 differences, 2 the cluster cannot be asked, 3 invalid input"), "{help}");
}
