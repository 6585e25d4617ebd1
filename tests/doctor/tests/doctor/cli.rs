//! What scripts rely on: exit statuses, one JSON object, the words of the closed sets, a file for developer tools.

use std::process::{Command, Output};

use anyhow::{Context, Result};
use realtime_doctor_tests::node::Node;
use realtime_ladder::programs::Program;
use serde_json::Value;

use crate::servers::APP;

async fn run(args: &[&str]) -> Result<Output> {
    let program = Program::Cli.path().await?;
    let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let run = move || Command::new(program).args(args).output();
    tokio::task::spawn_blocking(run).await?.context("it runs")
}

fn json(output: &Output) -> Result<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).with_context(|| text.into_owned())
}

#[tokio::test]
async fn exit_statuses_and_json_are_what_scripts_rely_on() -> Result<()> {
    let node = Node::start(APP).await?;
    for (name, status, verdict, rung) in [
        ("right", 0, "pass", Value::Null),
        ("cors-alone", 1, "warn", "upgrade".into()),
        ("no-cors", 2, "fail", "handshake".into()),
        ("auth-before-cors", 2, "fail", "preflight".into()),
    ] {
        let url = node.url(name)?;
        let token = "Authorization: Bearer abc";
        let output = run(&["doctor", &url, "--origin", APP, "--header", token, "--json"]).await?;
        let answer = json(&output)?;
        assert_eq!(output.status.code(), Some(status), "{name}: {answer}");
        assert_eq!((&answer["verdict"], &answer["rung"]), (&verdict.into(), &rung), "{name}");
        assert_eq!(answer["steps"].as_array().map(Vec::len), Some(9), "{name}");
        assert!(answer["reason"].is_string() && !answer.to_string().contains("Bearer abc"), "{answer}");
    }
    Ok(())
}

#[tokio::test]
async fn the_text_has_request_answer_cause_and_what_to_change() -> Result<()> {
    let node = Node::start(APP).await?;
    let folder = tempfile::tempdir()?;
    let har = folder.path().join("doctor.har");
    let har_path = har.to_str().context("a path is text")?;
    let output = run(&["doctor", &node.url("no-cors")?, "--origin", APP, "--har", har_path]).await?;
    let text = String::from_utf8_lossy(&output.stdout);
    for part in [
        "FAIL  handshake      NoAllowOrigin",
        "> GET /socket.io/?EIO=4&transport=polling HTTP/1.1",
        "> origin: https://app.domain-b.com",
        "< HTTP/1.1 200 OK",
        "likely cause: ",
        "allow: [\"https://app.domain-b.com\"]",
        "docs/ladder/handshake.md",
        "The rung handshake breaks (NoAllowOrigin)",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let archive: Value = serde_json::from_slice(&std::fs::read(har)?)?;
    let entries = archive["log"]["entries"].as_array().context("entries")?;
    assert!(entries.iter().any(|entry| entry["request"]["method"] == "OPTIONS"), "{archive}");
    assert!(entries.iter().any(|entry| entry["_webSocketMessages"].is_array()), "{archive}");
    Ok(())
}

#[tokio::test]
async fn what_is_no_target_is_3_and_says_what_it_should_be() -> Result<()> {
    for (args, words) in [
        (["doctor", "chat", "--origin", APP], "is not a URL"),
        (["doctor", "https://a.com", "--origin", "https://b.com/"], "did you mean https://b.com"),
        (["doctor", "ftp://a.com", "--origin", APP], "https, http, wss or ws"),
    ] {
        let output = run(&args).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(words), "{said}");
    }
    let output = run(&["doctor", "https://a.com", "--origin", "b", "--json"]).await?;
    assert_eq!(json(&output)?["verdict"], "invalid");
    Ok(())
}

#[tokio::test]
async fn explain_close_takes_codes_and_lines() -> Result<()> {
    let output = run(&["explain-close", "websocket: close 1006 (abnormal closure): unexpected EOF", "--json"]).await?;
    let answer = json(&output)?;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        (&answer["reason"], &answer["code"], &answer["rung"]),
        (&"AbnormalClosure".into(), &1006.into(), &"cut".into())
    );
    let output = run(&["explain-close", "Unexpected", "response", "code:", "400"]).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("Status400") && text.contains("another replica"), "{text}");
    let output = run(&["explain-close", "hello", "--json"]).await?;
    assert_eq!((output.status.code(), json(&output)?["verdict"].as_str()), (Some(1), Some("unknown")));
    Ok(())
}
