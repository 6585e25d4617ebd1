//! What newcomers copy: the publishers in `examples/publish`.

use std::{path::Path, process::Stdio, time::Duration};

use serde_json::{Value, json};
use tokio::{process::Command, time::timeout};

use crate::{Pod, TOKEN, raw::Raw};

/// Go compiles first.
const PATIENCE: Duration = Duration::from_secs(300);

async fn run(program: &[&str], pod: &Pod, token: &str, text: &str) -> std::process::Output {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/publish").join(program[0]);
    let mut command = Command::new(program[1]);
    command.args(&program[2..]).args(["lobby", text]).current_dir(folder).kill_on_drop(true).stdin(Stdio::null());
    command.env("PUBLISH_URL", format!("http://{}/publish", pod.publish)).env("PUBLISH_TOKEN", token);
    command.env("CGO_ENABLED", "0").env("no_proxy", "*");
    timeout(PATIENCE, command.output()).await.expect("it ends in time").unwrap()
}

#[tokio::test]
async fn the_publishers_of_each_language_reach_a_room() {
    let pod = Pod::start(&[]).await;
    let mut client = Raw::open(&pod.server, None, json!({})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    for program in
        [&["node", "node", "publish.mjs"][..], &["python", "python3", "publish.py"], &["go", "go", "run", "main.go"]]
    {
        let output = run(program, &pod, TOKEN, program[0]).await;
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        assert_eq!((output.status.success(), &answer["pods"]), (true, &json!(1)), "{output:?}");
        assert_eq!(client.named("message").await[1], json!({"text": program[0]}));
        let refused = run(program, &pod, "another-token-of-a-program", "refused").await;
        assert!(!refused.status.success(), "{refused:?}");
    }
}
