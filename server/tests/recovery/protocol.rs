//! What goes over the wire.

use serde_json::{Value, json};

use crate::{
    client::{Client, Kind, POLLING, WEBSOCKET},
    harness::eventually,
    raw::{QUERY, Raw},
    server,
};

#[tokio::test]
async fn only_clients_that_can_take_it_get_an_offset() {
    let server = server(&[]);
    for (kind, more) in [(Kind::Plain(4), 1), (Kind::Plain(3), 1), (Kind::Plain(2), 0), (Kind::PlainPython, 0)] {
        for transports in [WEBSOCKET, POLLING] {
            let mut client = Client::start(kind, server.public, transports).await;
            client.join("lobby").await;
            client.ask("publish", json!({"room": "lobby", "data": 1})).await;
            client.messages(1).await;
            let message = client.heard.iter().find(|line| line["heard"] == "message").unwrap();
            assert_eq!(message["more"], more, "{kind:?} {transports:?}");
            client.end().await;
        }
    }
}

#[tokio::test]
async fn a_client_that_wants_no_offset_gets_none() {
    let server = server(&[]);
    let mut raw = Raw::open(&server, None, json!({"recovery": false})).await;
    assert_eq!(raw.pid(), None);
    raw.ask("join", json!({"room": "lobby"})).await;
    raw.ask("publish", json!({"room": "lobby", "data": 1})).await;
    assert_eq!(raw.named("message").await.as_array().unwrap().len(), 2);
    let query = format!("recovery=0&{QUERY}");
    assert_eq!(Raw::open_with(&server, &query, None, json!({})).await.pid(), None);
}

#[tokio::test]
async fn what_was_published_before_a_client_joined_is_not_for_it() {
    let server = server(&[]);
    let mut publisher = Raw::open(&server, None, json!({"recovery": false})).await;
    let mut raw = Raw::open(&server, None, json!({})).await;
    let pid = raw.pid().unwrap().to_owned();
    publisher.ask("publish", json!({"room": "lobby", "data": "before"})).await;
    raw.ask("join", json!({"room": "lobby"})).await;
    raw.vanish();
    eventually("the server knows", async || publisher.ask("presence", json!({})).await["count"] == 1).await;
    publisher.ask("publish", json!({"room": "lobby", "data": "after"})).await;
    let mut back = Raw::open(&server, None, json!({"pid": pid})).await;
    assert_eq!(back.pid(), Some(pid.as_str()));
    assert_eq!(back.named("message").await[1]["data"], "after");
}

#[tokio::test]
async fn a_message_with_an_id_is_published_once_also_by_a_client_that_comes_back() {
    let server = server(&[]);
    let mut reader = Raw::open(&server, None, json!({})).await;
    reader.ask("join", json!({"room": "lobby"})).await;
    let mut raw = Raw::open(&server, None, json!({})).await;
    let pid = raw.pid().unwrap().to_owned();
    let message = json!({"room": "lobby", "data": "once", "id": "a"});
    assert_eq!(raw.ask("publish", message.clone()).await, json!({"delivered": 1}));
    assert_eq!(raw.ask("publish", message.clone()).await, json!({"delivered": 1, "duplicate": true}));
    raw.vanish();
    let mut back = Raw::open(&server, None, json!({"pid": pid})).await;
    assert_eq!(back.ask("publish", message).await, json!({"delivered": 1, "duplicate": true}));
    back.ask("publish", json!({"room": "lobby", "data": "twice", "id": "b"})).await;
    assert_eq!(reader.named("message").await[1]["data"], "once");
    assert_eq!(reader.named("message").await[1]["data"], "twice");
}

#[tokio::test]
async fn one_publisher_keeps_its_order_without_waiting_for_answers() {
    let server = server(&[]);
    let mut reader = Raw::open(&server, None, json!({})).await;
    reader.ask("join", json!({"room": "lobby"})).await;
    let mut publisher = Raw::open(&server, None, json!({"recovery": false})).await;
    for number in 0..500 {
        publisher.send(&format!("42{}", json!(["publish", {"room": "lobby", "data": number}]))).await;
    }
    for number in 0..500 {
        assert_eq!(reader.named("message").await[1]["data"], number);
    }
}

#[tokio::test]
async fn nobody_publishes_the_servers_own_events() {
    let server = server(&[]);
    let mut raw = Raw::open(&server, None, json!({})).await;
    for event in ["realtime:gap", "realtime:session", "realtime:"] {
        let answer = raw.ask("publish", json!({"room": "lobby", "data": 1, "event": event})).await;
        assert!(answer["error"].as_str().unwrap().contains("reserved"), "{answer}");
    }
}

#[tokio::test]
async fn an_offset_that_is_none_is_not_taken_for_the_beginning() {
    let server = server(&[]);
    for offset in [json!(7), json!("hello"), json!("99999999999999-0"), json!({})] {
        let mut raw = Raw::open(&server, None, json!({})).await;
        let pid = raw.pid().unwrap().to_owned();
        raw.ask("join", json!({"room": "lobby"})).await;
        raw.ask("publish", json!({"room": "lobby", "data": 1})).await;
        raw.vanish();
        let mut back = Raw::open(&server, None, json!({"pid": pid, "offset": offset})).await;
        assert_ne!(back.pid(), Some(pid.as_str()), "{offset}");
        assert_eq!(back.named("realtime:gap").await[1]["reason"], "bad_offset", "{offset}");
    }
}

#[tokio::test]
async fn numbers_say_what_became_of_those_who_came_back() {
    let server = server(&[]);
    let raw = Raw::open(&server, None, json!({})).await;
    let pid = raw.pid().unwrap().to_owned();
    raw.vanish();
    Raw::open(&server, None, json!({"pid": pid})).await;
    Raw::open(&server, None, json!({"pid": Value::from("unknown")})).await;
    let metrics = server.metrics().await;
    for outcome in ["recovered", "unknown_session"] {
        assert!(metrics.contains(&format!("realtime_server_recovery_returns_total{{outcome=\"{outcome}\"}} 1")));
    }
}
