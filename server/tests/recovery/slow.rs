//! Clients that read slowly, or that are sent more at once than a buffer holds.

use serde_json::{Value, json};

use crate::{
    client::{Client, Kind, POLLING, WEBSOCKET},
    harness::eventually,
    raw::Raw,
    server,
};

async fn publish(raw: &mut Raw, numbers: std::ops::Range<usize>, padding: usize) {
    for number in numbers {
        let event = json!(["publish", {"room": "lobby", "data": number, "padding": "x".repeat(padding)}]);
        raw.send(&format!("42{event}")).await;
    }
    raw.ask("echo", json!({})).await;
}

#[tokio::test]
async fn a_burst_beyond_the_buffer_is_delivered_in_full_and_in_order() {
    for (kind, transports) in [(Kind::Plain(4), WEBSOCKET), (Kind::Plain(4), POLLING), (Kind::PlainPython, POLLING)] {
        let server = server(&[]);
        let mut client = Client::start(kind, server.public, transports).await;
        client.join("lobby").await;
        let mut publisher = Raw::open(&server, None, json!({"recovery": false})).await;
        publish(&mut publisher, 0..2000, 0).await;
        assert_eq!(client.messages(2000).await, (0..2000).map(Value::from).collect::<Vec<_>>(), "{kind:?}");
        assert_eq!((client.count("disconnect"), client.count("gap")), (0, 0), "{kind:?}");
        client.end().await;
    }
}

#[tokio::test]
async fn a_client_that_stops_reading_gets_all_of_it_later_and_costs_no_memory() {
    let server = server(&["--recovery-bytes", "4Mi"]);
    let mut client = Client::start(Kind::Plain(4), server.public, WEBSOCKET).await;
    client.join("lobby").await;
    let mut publisher = Raw::open(&server, None, json!({"recovery": false})).await;
    client.tell(json!({"pause": true})).await;
    for number in 0..3000 {
        let data = json!({"number": number, "padding": "x".repeat(1000)});
        publisher.send(&format!("42{}", json!(["publish", {"room": "lobby", "data": data}]))).await;
    }
    publisher.ask("echo", json!({})).await;
    client.tell(json!({"pause": false})).await;
    let messages = client.messages(3000).await;
    assert!(messages.iter().enumerate().all(|(number, data)| data["number"] == number));
    assert_eq!((client.count("disconnect"), client.count("gap")), (0, 0));
    client.end().await;
}

#[tokio::test]
async fn one_that_reads_too_slowly_for_what_is_kept_is_told() {
    let server = server(&["--recovery-bytes", "128Ki"]);
    let mut client = Client::start(Kind::Plain(4), server.public, WEBSOCKET).await;
    client.join("lobby").await;
    let mut publisher = Raw::open(&server, None, json!({"recovery": false})).await;
    client.tell(json!({"pause": true})).await;
    let lagging = async || {
        for _ in 0..100 {
            let data = "x".repeat(50_000);
            publisher.ask("publish", json!({"room": "lobby", "data": data})).await;
        }
        !server.metrics().await.contains("realtime_server_recovery_lagging_total 0")
    };
    eventually("its buffer is full", lagging).await;
    for _ in 0..10 {
        publisher.ask("publish", json!({"room": "lobby", "data": "x".repeat(50_000)})).await;
    }
    client.tell(json!({"pause": false})).await;
    assert_eq!(client.next("gap").await["reason"], "too_slow");
    client.end().await;
}
