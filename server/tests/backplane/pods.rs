//! Two servers, and clients of all versions at each.

use serde_json::{Value, json};

use crate::{
    client::{BOTH, Client, Kind, POLLING, WEBSOCKET},
    pods,
    raw::Raw,
    redis::Redis,
};

#[tokio::test]
async fn what_is_published_at_one_arrives_at_the_other_once_and_in_order() {
    let redis = Redis::start();
    let [one, other] = pods(&redis.url()).await;
    let mut publisher = Raw::open(&one, None, json!({"recovery": false})).await;
    let cases = [(4, WEBSOCKET), (4, POLLING), (3, BOTH), (2, WEBSOCKET), (2, POLLING)];
    let mut clients = Vec::new();
    for (version, transports) in cases {
        for server in [&one, &other] {
            let mut client = Client::start(Kind::Plain(version), server.public, transports).await;
            client.join("lobby").await;
            clients.push(client);
        }
    }
    for number in 0..50 {
        let answer = publisher.ask("publish", json!({"room": "lobby", "data": number})).await;
        assert!(answer["error"].is_null(), "{answer}");
    }
    let numbers: Vec<_> = (0..50).map(Value::from).collect();
    for mut client in clients {
        assert_eq!(client.messages(50).await, numbers);
        client.ask("echo", json!({})).await;
        assert_eq!(client.messages(50).await.len(), 50, "none twice");
        client.end().await;
    }
}

#[tokio::test]
async fn other_rooms_hear_nothing() {
    let redis = Redis::start();
    let [one, other] = pods(&redis.url()).await;
    let mut here = Raw::open(&one, None, json!({"recovery": false})).await;
    let mut there = Raw::open(&other, None, json!({})).await;
    let mut elsewhere = Raw::open(&other, None, json!({})).await;
    here.ask("join", json!({"room": "lobby"})).await;
    there.ask("join", json!({"room": "lobby"})).await;
    elsewhere.ask("join", json!({"room": "attic"})).await;
    here.ask("publish", json!({"room": "lobby", "data": 1})).await;
    there.ask("publish", json!({"room": "lobby", "data": 2})).await;
    here.ask("broadcast", json!({"data": "all"})).await;
    assert_eq!(there.named("message").await[1]["data"], 1);
    assert_eq!(there.named("broadcast").await[1]["data"], "all");
    assert_eq!(elsewhere.named("broadcast").await[1]["data"], "all");
    assert_eq!(here.named("broadcast").await[1]["data"], "all");
    let is_message = |event: &&Value| event[0] == "message";
    assert_eq!(elsewhere.events.iter().filter(is_message).count(), 0);
}

#[tokio::test]
async fn binary_crosses() {
    let redis = Redis::start();
    let [one, other] = pods(&redis.url()).await;
    let mut publisher = Raw::open(&one, None, json!({"recovery": false})).await;
    for version in [4, 3, 2] {
        let mut client = Client::start(Kind::Plain(version), other.public, WEBSOCKET).await;
        client.join("lobby").await;
        publisher.send("451-[\"publish\",{\"room\":\"lobby\",\"data\":{\"_placeholder\":true,\"num\":0}}]").await;
        publisher.send_binary(b"\x00\x01\xff").await;
        assert_eq!(client.messages(1).await, [json!({"binary": "0001ff"})], "version {version}");
        client.end().await;
    }
}

#[tokio::test]
async fn services_with_streams_of_their_own_share_a_redis() {
    let redis = Redis::start();
    let url = redis.url();
    let one = crate::pod_with(&["--redis-url", &url, "--redis-stream", "chat"]).await;
    let other = crate::pod_with(&["--redis-url", &url, "--redis-stream", "news"]).await;
    let mut publisher = Raw::open(&one, None, json!({"recovery": false})).await;
    let mut reader = Raw::open(&other, None, json!({"recovery": false})).await;
    publisher.ask("broadcast", json!({"data": 1})).await;
    reader.ask("broadcast", json!({"data": 2})).await;
    assert_eq!(reader.named("broadcast").await[1]["data"], 2);
}
