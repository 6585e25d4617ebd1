//! What is written past the engine keeps its place among what goes through it.

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    harness::{Server, eventually},
    raw::Raw,
    server,
};

const MEMBERS: usize = 8;
const MESSAGES: u64 = 2000;

async fn counted(server: &Server, name: &str) -> u64 {
    let metrics = server.metrics().await;
    let line = metrics.lines().find(|line| line.starts_with(name)).expect("the metric");
    line.rsplit(' ').next().expect("a number").parse().expect("a number")
}

/// The numbers that a client heard.
fn numbers(events: &[Value]) -> Vec<u64> {
    events.iter().filter_map(|event| event[1]["data"].as_u64()).collect()
}

/// Joins, and goes on asking for as long as it does not have everything: half of what is published meets an answer on its way.
async fn member(server: &Server, auth: Value, mut done: watch::Receiver<bool>) -> Vec<u64> {
    let mut raw = Raw::open(server, None, auth).await;
    raw.ask("join", json!({"room": "lobby"})).await;
    while !*done.borrow_and_update() {
        assert_eq!(raw.ask("echo", json!("still here")).await, "still here");
    }
    while numbers(&raw.events).len() < usize::try_from(MESSAGES).unwrap() {
        let event = raw.fresh().await;
        raw.events.push(event);
    }
    numbers(&raw.events)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_comes_in_order_between_the_answers_that_a_client_asks_for() {
    let server = server(&[]);
    let (done, is_done) = watch::channel(false);
    let auths = [json!({}), json!({"recovery": false})];
    let members = join_all((0..MEMBERS).map(|index| member(&server, auths[index % 2].clone(), is_done.clone())));
    let publish = async {
        let mut raw = Raw::open(&server, None, json!({"recovery": false})).await;
        let is_full = async || raw.ask("presence", json!({"room": "lobby"})).await["count"] == MEMBERS;
        eventually("everybody is there", is_full).await;
        for number in 0..MESSAGES {
            let event = json!(["publish", {"room": "lobby", "data": number}]);
            raw.send(&format!("42{event}")).await;
            if number % 50 == 0 {
                raw.ask("echo", json!(0)).await;
            }
        }
        raw.ask("echo", json!(0)).await;
        done.send(true).unwrap();
    };
    let (heard, ()) = tokio::join!(members, publish);
    for numbers in heard {
        assert_eq!(numbers, (0..MESSAGES).collect::<Vec<_>>());
    }
    let at_once = counted(&server, "realtime_server_messages_at_once_total").await;
    assert!(at_once > 0 && at_once < MESSAGES * MEMBERS as u64, "both ways were gone: {at_once}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_of_hundreds_hears_everything_in_order() {
    const MANY: usize = 600;
    let server = server(&[]);
    let mut members = join_all((0..MANY).map(async |_| {
        let mut raw = Raw::open(&server, None, json!({})).await;
        raw.ask("join", json!({"room": "lobby"})).await;
        raw
    }))
    .await;
    let mut publisher = Raw::open(&server, None, json!({})).await;
    for number in 0..20 {
        publisher.send(&format!("42{}", json!(["publish", {"room": "lobby", "data": number}]))).await;
    }
    join_all(members.iter_mut().map(async |member| {
        for number in 0..20 {
            assert_eq!(member.named("message").await[1]["data"], number);
        }
    }))
    .await;
}

#[tokio::test]
async fn who_publishes_to_its_own_room_hears_it_before_the_acknowledgement() {
    let server = server(&[]);
    let mut raw = Raw::open(&server, None, json!({})).await;
    raw.ask("join", json!({"room": "lobby"})).await;
    for number in 0..100_usize {
        raw.ask("publish", json!({"room": "lobby", "data": number})).await;
        assert_eq!(numbers(&raw.events).len(), number + 1);
    }
}

#[tokio::test]
async fn everybody_who_waits_for_nothing_is_written_to_at_once() {
    let server = server(&[]);
    let mut members = Vec::new();
    for _ in 0..MEMBERS {
        let mut raw = Raw::open(&server, None, json!({})).await;
        raw.ask("join", json!({"room": "lobby"})).await;
        members.push(raw);
    }
    let mut publisher = Raw::open(&server, None, json!({})).await;
    // Who has just come is fed from the log until it is at the end.
    let is_live = async || {
        let before = counted(&server, "realtime_server_messages_at_once_total").await;
        publisher.ask("publish", json!({"room": "lobby", "data": 1})).await;
        counted(&server, "realtime_server_messages_at_once_total").await - before == MEMBERS as u64
    };
    eventually("all of it is at once", is_live).await;
    let sent = counted(&server, r#"realtime_server_messages_total{direction="sent",transport="websocket"}"#).await;
    publisher.ask("publish", json!({"room": "lobby", "data": 2})).await;
    let more =
        counted(&server, r#"realtime_server_messages_total{direction="sent",transport="websocket"}"#).await - sent;
    // News of who is there may come in between.
    assert!(more > MEMBERS as u64, "each counts, and the answer: {more}");
    for member in &mut members {
        while member.event().await[1]["data"] != 2 {}
    }
}
