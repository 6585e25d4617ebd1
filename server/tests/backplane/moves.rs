//! Clients that come back at another server.

use serde_json::{Value, json};

use crate::{
    client::{Client, Kind, WEBSOCKET},
    harness::{Server, eventually},
    line::Line,
    pods,
    raw::{Publisher, Raw},
    redis::Redis,
};

async fn returns(server: &Server, client: &Raw, offset: Option<&str>) -> Raw {
    Raw::open(server, None, json!({"pid": client.pid(), "offset": offset})).await
}

#[tokio::test]
async fn a_client_is_itself_at_another_server_and_gets_what_it_missed() {
    let redis = Redis::start();
    let [one, other] = pods(&redis.url()).await;
    let mut publisher = Raw::open(&other, None, json!({"recovery": false})).await;
    let mut client = Raw::open(&one, None, json!({})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    publisher.ask("publish", json!({"room": "lobby", "data": 0})).await;
    let message = client.named("message").await;
    assert_eq!(message[1]["data"], 0);
    let (pid, id, offset) = (client.hello["pid"].clone(), client.hello["sid"].clone(), message[2].clone());
    client.vanish();
    for number in 1..4 {
        publisher.ask("publish", json!({"room": "lobby", "data": number})).await;
    }
    let mut back = Raw::open(&other, None, json!({"pid": pid, "offset": offset})).await;
    assert_eq!((&back.hello["pid"], &back.hello["sid"]), (&pid, &id));
    publisher.ask("publish", json!({"room": "lobby", "data": 4})).await;
    for number in 1..5 {
        assert_eq!(back.named("message").await[1]["data"], number);
    }
    let empty = redis.ask(&["KEYS", &format!("sio:session:{}", "?".repeat(24))]);
    assert_eq!(empty.trim(), "", "a session is there once");
}

#[tokio::test]
async fn a_client_comes_back_elsewhere_before_its_server_knows_that_it_was_gone() {
    let redis = Redis::start();
    let [one, other] = pods(&redis.url()).await;
    let mut client = Raw::open(&one, None, json!({})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    let mut back = returns(&other, &client, None).await;
    assert_eq!((&back.hello["pid"], &back.hello["sid"]), (&client.hello["pid"], &client.hello["sid"]));
    let mut publisher = Raw::open(&one, None, json!({"recovery": false})).await;
    eventually("there is one of it", async || publisher.ask("presence", json!({"room": "lobby"})).await["count"] == 1)
        .await;
    publisher.ask("publish", json!({"room": "lobby", "data": 1})).await;
    assert_eq!(back.named("message").await[1]["data"], 1);
}

#[tokio::test]
async fn a_session_that_nobody_has_is_said_to_be_unknown_at_once() {
    let redis = Redis::start();
    let [one, other] = pods(&redis.url()).await;
    let client = Raw::open(&one, None, json!({})).await;
    let mut pid = client.pid().unwrap().to_owned();
    pid.replace_range(..1, if pid.starts_with('A') { "B" } else { "A" });
    let mut stranger = Raw::open(&other, None, json!({"pid": pid})).await;
    assert_eq!(stranger.named("realtime:gap").await[1]["reason"], "unknown_session");
}

/// Real clients whose line leads to the other server after each cut, while a publisher goes on.
#[tokio::test]
async fn clients_that_are_moved_to_and_fro_miss_nothing() {
    let redis = Redis::start();
    let [one, other] = pods(&redis.url()).await;
    for kind in [Kind::Plain(4), Kind::Packaged(3), Kind::Packaged(2)] {
        let line = Line::to(one.public).await;
        let mut client = Client::start(kind, line.address, WEBSOCKET).await;
        let first = client.join("lobby").await;
        let publisher = Publisher::start(&one, "lobby", std::time::Duration::from_millis(20)).await;
        for (round, next) in [(1, &other), (2, &one), (3, &other)] {
            client.messages(round * 20).await;
            line.cut();
            client.next("disconnect").await;
            line.lead_to(next.public);
            line.mend();
            let session = client.next("session").await;
            assert_eq!((&session["id"], &session["recovered"]), (&first["id"], &json!(true)), "{kind:?}");
        }
        let count = publisher.stop().await;
        let numbers: Vec<_> = (0..count).map(Value::from).collect();
        assert_eq!(client.messages(count).await, numbers, "{kind:?}");
        assert_eq!(client.count("gap"), 0);
        client.end().await;
    }
}

#[tokio::test]
async fn a_client_that_heard_nothing_for_long_has_missed_nothing() {
    let redis = Redis::start();
    let [one, other] = pods(&redis.url()).await;
    let mut client = Raw::open(&one, None, json!({})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    client.ask("publish", json!({"room": "lobby", "data": 1})).await;
    let offset = client.named("message").await[2].clone();
    // A server that comes says so in the stream, and of what is older nothing is left.
    let third = crate::pod(&redis.url()).await;
    let newest = redis.ask(&["XREVRANGE", "socket.io", "+", "-", "COUNT", "1"]);
    let newest = newest.lines().next().unwrap().to_owned();
    redis.ask(&["XTRIM", "socket.io", "MINID", &newest]);
    eventually("it was read", async || one.status().await["backplane"]["position"] == newest).await;
    let (pid, id) = (client.hello["pid"].clone(), client.hello["sid"].clone());
    client.vanish();
    for server in [&other, &third] {
        let back = Raw::open(server, None, json!({"pid": pid, "offset": offset})).await;
        assert_eq!((&back.hello["pid"], &back.hello["sid"]), (&pid, &id));
        back.vanish();
    }
}
