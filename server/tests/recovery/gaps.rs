//! What clients are told when they cannot have what they missed.

use serde_json::json;
use tokio::time::{Duration, sleep};

use crate::{
    client::{Client, Kind, RECOVERING, WEBSOCKET},
    line::Line,
    raw::Raw,
    server,
};

async fn publish(raw: &mut Raw, count: usize, length: usize) {
    for _ in 0..count {
        raw.ask("publish", json!({"room": "lobby", "data": "x".repeat(length)})).await;
    }
}

#[tokio::test]
async fn one_that_was_away_too_long_is_told() {
    for kind in RECOVERING {
        let server = server(&["--recovery-window", "300ms"]);
        let line = Line::to(server.public).await;
        let mut client = Client::start(kind, line.address, WEBSOCKET).await;
        let first = client.join("lobby").await;
        line.cut();
        client.next("disconnect").await;
        sleep(Duration::from_millis(700)).await;
        line.mend();
        assert_eq!(client.next("gap").await["reason"], "unknown_session", "{kind:?}");
        let session = client.heard.iter().rfind(|line| line["heard"] == "session").unwrap();
        assert_eq!(session["recovered"], false, "{kind:?}");
        assert_ne!(session["id"], first["id"], "{kind:?}");
        client.end().await;
    }
}

#[tokio::test]
async fn after_a_restart_of_the_server_a_client_is_told() {
    for kind in RECOVERING {
        let (before, after) = (server(&[]), server(&[]));
        let line = Line::to(before.public).await;
        let mut client = Client::start(kind, line.address, WEBSOCKET).await;
        client.join("lobby").await;
        line.lead_to(after.public);
        drop(before);
        assert_eq!(client.next("gap").await["reason"], "unknown_session", "{kind:?}");
        client.end().await;
    }
}

#[tokio::test]
async fn one_that_missed_more_than_is_kept_is_told() {
    let server = server(&["--recovery-bytes", "64Ki"]);
    let line = Line::to(server.public).await;
    let mut client = Client::start(Kind::Plain(4), line.address, WEBSOCKET).await;
    client.join("lobby").await;
    let mut publisher = Raw::open(&server, None, json!({"recovery": false})).await;
    // A dead line: its session is not in the log, so only the messages can be gone. More than fits in the line's own buffers.
    publish(&mut publisher, 1, 10).await;
    client.messages(1).await;
    client.tell(json!({"pause": true})).await;
    publish(&mut publisher, 400, 20_000).await;
    line.die();
    client.tell(json!({"pause": false})).await;
    assert_eq!(client.next("gap").await["reason"], "too_old");
    client.end().await;
}

#[tokio::test]
async fn one_that_missed_more_than_it_may_be_sent_is_told() {
    let server = server(&["--recovery-session-bytes", "10000"]);
    let line = Line::to(server.public).await;
    let mut client = Client::start(Kind::Packaged(3), line.address, WEBSOCKET).await;
    client.join("lobby").await;
    let mut publisher = Raw::open(&server, None, json!({"recovery": false})).await;
    line.cut();
    client.next("disconnect").await;
    publish(&mut publisher, 11, 1000).await;
    line.mend();
    assert_eq!(client.next("gap").await["reason"], "too_much");
    client.end().await;
}

#[tokio::test]
async fn one_that_said_goodbye_is_forgotten() {
    let server = server(&[]);
    let mut raw = Raw::open(&server, None, json!({})).await;
    let pid = raw.pid().unwrap().to_owned();
    raw.send("41").await;
    crate::harness::eventually("the session is over", async || {
        server.metrics().await.contains("realtime_server_recovery_log_sessions 0")
            && Raw::open(&server, None, json!({})).await.ask("presence", json!({})).await["count"] == 1
    })
    .await;
    let mut back = Raw::open(&server, None, json!({"pid": pid})).await;
    assert_ne!(back.pid(), Some(pid.as_str()));
    assert_eq!(back.named("realtime:gap").await[1]["reason"], "unknown_session");
}

#[tokio::test]
async fn without_recovery_everything_is_as_it_was_and_said() {
    let server = server(&["--recovery-window", "0s"]);
    let mut raw = Raw::open(&server, None, json!({})).await;
    assert_eq!(raw.pid(), None);
    raw.ask("join", json!({"room": "lobby"})).await;
    raw.ask("publish", json!({"room": "lobby", "data": 1})).await;
    assert_eq!(raw.named("message").await.as_array().unwrap().len(), 2, "no offset");
    let mut back = Raw::open(&server, None, json!({"pid": "AAAAAAAAAAAAAAAAAAAAAAAA", "recovery": true})).await;
    assert_eq!(back.named("realtime:session").await[1]["recovered"], false);
    assert_eq!(back.named("realtime:gap").await[1]["reason"], "unknown_session");
}
