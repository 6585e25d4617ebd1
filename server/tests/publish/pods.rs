//! Two servers that share a Redis.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    Pod,
    client::{BOTH, Client, Kind, PATIENCE, POLLING, WEBSOCKET},
    harness::{APP, eventually, websocket},
    message, named,
    raw::Raw,
    redis::Redis,
};

#[tokio::test]
async fn clients_of_every_version_at_every_pod_get_what_one_pod_took() {
    let redis = Redis::start();
    let [one, other] = Pod::two(&["--redis-url", &redis.url()]).await;
    let mut clients = Vec::new();
    for (version, transports) in [(4, WEBSOCKET), (3, BOTH), (2, POLLING)] {
        for pod in [&one, &other] {
            let mut client = Client::start(Kind::Plain(version), pod.server.public, transports).await;
            client.join("lobby").await;
            clients.push(client);
        }
    }
    let data = |number: i64| json!({"data": number});
    for number in 0..20 {
        let answer = one.take(message("lobby", data(number))).await;
        assert_eq!((&answer["pods"], &answer["missing"]), (&json!(2), &json!(0)), "{answer}");
    }
    let batch: Vec<_> = (20..200).map(|number| message("lobby", data(number))).collect();
    let answers = other.take(Value::from(batch)).await;
    assert!(answers.as_array().unwrap().iter().all(|answer| answer["pods"] == 2), "{answers}");
    let numbers: Vec<_> = (0..200).map(Value::from).collect();
    for mut client in clients {
        assert_eq!(client.messages(200).await, numbers);
        client.ask("echo", json!({})).await;
        assert_eq!(client.messages(200).await.len(), 200, "none twice");
        client.end().await;
    }
}

#[tokio::test]
async fn binary_and_exceptions_cross() {
    let redis = Redis::start();
    let [one, other] = Pod::two(&["--redis-url", &redis.url()]).await;
    let mut client = websocket(&other.server, "EIO=4&transport=websocket", APP).await;
    client.send(Message::text("40{\"recovery\":false}")).await.unwrap();
    let mut quiet = Raw::open(&other.server, None, json!({"recovery": false})).await;
    quiet.ask("join", json!({"room": "quiet"})).await;
    one.take(json!({"event": "file", "binary": "AAH/", "except": ["quiet"]})).await;
    one.take(json!({"event": "last"})).await;
    let mut heard = Vec::new();
    while heard.last() != Some(&Message::text("42[\"last\"]")) {
        heard.push(timeout(PATIENCE, client.next()).await.expect("in time").unwrap().unwrap());
    }
    let file =
        heard.iter().position(|frame| *frame == Message::text("451-[\"file\",{\"_placeholder\":true,\"num\":0}]"));
    assert_eq!(heard[file.expect("it came") + 1], Message::binary([0_u8, 1, 255].as_slice()));
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != "last") {
        names.push(quiet.event().await[0].clone());
    }
    assert!(!names.contains(&json!("file")), "what was excepted did not come: {names:?}");
}

#[tokio::test]
async fn an_id_is_known_to_all_pods() {
    let redis = Redis::start();
    let [one, other] = Pod::two(&["--redis-url", &redis.url()]).await;
    let mut client = Raw::open(&one.server, None, json!({"recovery": false})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    let (first, second) = (named("order-17", "lobby", 1), named("order-17", "lobby", 1));
    let (first, second) = tokio::join!(one.take(first), other.take(second));
    assert_eq!(first["offset"], second["offset"]);
    assert_ne!(first["duplicate"], second["duplicate"], "{first} {second}");
    one.take(message("lobby", 2)).await;
    assert_eq!(client.named("message").await[1], 1);
    assert_eq!(client.named("message").await[1], 2, "the first came once");
    let keys = redis.ask(&["--scan", "--pattern", "*published*"]);
    assert_eq!(keys.trim(), "{socket.io}:published:id:order-17");
    let ttl: i64 = redis.ask(&["PTTL", keys.trim()]).trim().parse().unwrap();
    assert!((1..=600_000).contains(&ttl), "{ttl}");
}

#[tokio::test]
async fn without_redis_a_publisher_gets_an_error_and_nobody_the_event() {
    let mut redis = Redis::durable();
    let [one, other] = Pod::two(&["--redis-url", &redis.url()]).await;
    let mut near = Raw::open(&one.server, None, json!({"recovery": false})).await;
    let mut far = Raw::open(&other.server, None, json!({"recovery": false})).await;
    one.take(json!({"event": "message", "data": "before"})).await;
    redis.kill();
    eventually("it knows", async || one.server.status().await["backplane"]["connected"] == false).await;
    let again = json!({"event": "message", "data": "during", "id": "a"});
    let (status, answer) = one.publish(&again).await;
    assert_eq!((status, &answer["reason"]), (503, &json!("Unreachable")), "{answer}");
    let (status, answers) = one.publish(&json!([again])).await;
    assert_eq!((status, &answers[0]["reason"]), (503, &json!("Unreachable")), "{answers}");
    redis.revive();
    for pod in [&one, &other] {
        eventually("it is back", async || pod.server.status().await["backplane"]["connected"] == true).await;
    }
    assert_eq!(one.take(again).await["duplicate"], false);
    for reader in [&mut near, &mut far] {
        assert_eq!(reader.named("message").await[1], "before");
        assert_eq!(reader.named("message").await[1], "during");
    }
    assert_eq!(one.count("realtime_server_publish_events_total{via=\"http\",result=\"Unreachable\"}").await, 2);
}

#[tokio::test]
async fn a_pod_that_hangs_is_counted_as_missing_and_gets_it_later() {
    let redis = Redis::start();
    let [one, other] = Pod::two(&["--redis-url", &redis.url()]).await;
    let mut far = Raw::open(&other.server, None, json!({"recovery": false})).await;
    other.server.signal("STOP");
    let answer = one.take(json!({"event": "message", "data": 1})).await;
    assert_eq!((&answer["pods"], &answer["missing"]), (&json!(1), &json!(1)), "{answer}");
    other.server.signal("CONT");
    assert_eq!(far.named("message").await[1], 1);
    eventually("it counts again", async || one.take(json!({"event": "x"})).await["pods"] == 2).await;
}
