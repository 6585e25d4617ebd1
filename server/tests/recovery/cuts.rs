//! What clients have after their line was cut or died.

use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use crate::{
    client::{BOTH, Client, Kind, POLLING, RECOVERING, WEBSOCKET},
    line::Line,
    raw::{Publisher, Raw},
    server,
};

const EVERY: Duration = Duration::from_millis(20);
/// Long enough for some messages to be missed.
const AWAY: Duration = Duration::from_millis(300);

fn numbers(count: usize) -> Vec<Value> {
    (0..count).map(Value::from).collect()
}

/// Three cuts while a publisher goes on: nothing is lost, doubled or out of order, and the client is the same one in the same room.
async fn survives(kind: Kind, transports: &[&str]) {
    let server = server(&[]);
    let line = Line::to(server.public).await;
    let mut client = Client::start(kind, line.address, transports).await;
    let first = client.join("lobby").await;
    let publisher = Publisher::start(&server, "lobby", EVERY).await;
    for round in 1..=3 {
        client.messages(round * 20).await;
        line.cut();
        client.next("disconnect").await;
        sleep(AWAY).await;
        line.mend();
        let session = client.next("session").await;
        assert_eq!(session["recovered"], true, "{kind:?} {transports:?}");
        assert_eq!(session["id"], first["id"], "{kind:?} {transports:?}");
    }
    let count = publisher.stop().await;
    let messages = client.messages(count).await;
    assert_eq!(messages, numbers(count), "{kind:?} {transports:?}");
    assert_eq!(client.ask("presence", json!({"room": "lobby"})).await["count"], 1, "{kind:?} {transports:?}");
    assert_eq!((client.count("gap"), client.messages(count).await.len()), (0, count), "{kind:?} {transports:?}");
    client.end().await;
}

#[tokio::test]
async fn a_client_that_is_cut_over_websocket_misses_nothing() {
    for kind in RECOVERING {
        survives(kind, WEBSOCKET).await;
    }
}

#[tokio::test]
async fn a_client_that_is_cut_over_polling_misses_nothing() {
    for kind in RECOVERING {
        survives(kind, POLLING).await;
    }
}

#[tokio::test]
async fn a_client_that_is_cut_around_its_upgrade_misses_nothing() {
    for kind in RECOVERING {
        survives(kind, BOTH).await;
    }
}

#[tokio::test]
async fn a_client_comes_back_before_the_server_knows_that_it_was_gone() {
    for kind in RECOVERING {
        let server = server(&[]);
        let line = Line::to(server.public).await;
        let mut client = Client::start(kind, line.address, WEBSOCKET).await;
        let first = client.join("lobby").await;
        let publisher = Publisher::start(&server, "lobby", EVERY).await;
        client.messages(20).await;
        line.die();
        let session = client.next("session").await;
        assert_eq!((&session["id"], &session["recovered"]), (&first["id"], &json!(true)), "{kind:?}");
        client.messages(40).await;
        let count = publisher.stop().await;
        assert_eq!(client.messages(count).await, numbers(count), "{kind:?}");
        assert_eq!(client.ask("presence", json!({"room": "lobby"})).await["count"], 1, "{kind:?}: there is one of it");
        client.end().await;
    }
}

#[tokio::test]
async fn binary_events_come_back_too() {
    for kind in RECOVERING {
        let server = server(&[]);
        let line = Line::to(server.public).await;
        let mut client = Client::start(kind, line.address, BOTH).await;
        client.join("lobby").await;
        let mut publisher = Raw::open(&server, None, json!({"recovery": false})).await;
        line.cut();
        client.next("disconnect").await;
        for bytes in [b"\x00\x01\xff", b"\x02\x03\xfe"] {
            publisher.send("451-[\"publish\",{\"room\":\"lobby\",\"data\":{\"_placeholder\":true,\"num\":0}}]").await;
            publisher.send_binary(bytes).await;
        }
        // Answered after both of them.
        publisher.ask("echo", json!({})).await;
        line.mend();
        assert_eq!(client.next("session").await["recovered"], true, "{kind:?}");
        let messages = client.messages(2).await;
        assert_eq!(messages, [json!({"binary": "0001ff"}), json!({"binary": "0203fe"})], "{kind:?}");
        client.end().await;
    }
}

#[tokio::test]
async fn a_quiet_room_is_no_gap_however_old_the_last_message_is() {
    let server = server(&["--recovery-window", "2s"]);
    let line = Line::to(server.public).await;
    let mut client = Client::start(Kind::Plain(4), line.address, WEBSOCKET).await;
    client.join("lobby").await;
    let mut publisher = Raw::open(&server, None, json!({"recovery": false})).await;
    publisher.ask("publish", json!({"room": "lobby", "data": 0})).await;
    client.messages(1).await;
    // The message is older than anything that is kept.
    sleep(Duration::from_millis(2500)).await;
    publisher.ask("publish", json!({"room": "elsewhere", "data": "noise"})).await;
    line.cut();
    client.next("disconnect").await;
    publisher.ask("publish", json!({"room": "lobby", "data": 1})).await;
    line.mend();
    assert_eq!(client.next("session").await["recovered"], true);
    assert_eq!(client.messages(2).await, [0, 1]);
    assert_eq!(client.count("gap"), 0);
    client.end().await;
}

#[tokio::test]
async fn what_others_know_a_client_by_stays() {
    let server = server(&[]);
    let line = Line::to(server.public).await;
    for kind in RECOVERING {
        let mut client = Client::start(kind, line.address, WEBSOCKET).await;
        let first = client.join("lobby").await;
        line.cut();
        client.next("disconnect").await;
        line.mend();
        client.next("session").await;
        client.ask("publish", json!({"room": "lobby", "data": "it is me"})).await;
        client.messages(1).await;
        let message = client.heard.iter().find(|line| line["heard"] == "message").unwrap();
        assert_eq!(message["from"], first["id"], "{kind:?}");
        client.end().await;
    }
}
