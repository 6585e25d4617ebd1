//! Servers that die without a word.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    client::{Client, Kind, WEBSOCKET},
    harness::{Server, eventually},
    line::Line,
    pods,
    raw::{Publisher, Raw},
    redis::Redis,
};

/// Servers that are alive have so long to hand a session over.
const HANDOVER: Duration = Duration::from_secs(3);

async fn killed(server: &mut Server) {
    server.signal("KILL");
    eventually("it is dead", async || server.has_ended()).await;
}

async fn is_copied(redis: &Redis, pid: &Value, room: &str) {
    let key = format!("sio:session:live:{}", pid.as_str().unwrap());
    eventually("its session has a copy", async || redis.ask(&["GET", &key]).contains(room)).await;
}

#[tokio::test]
async fn a_server_that_dies_takes_no_session_with_it() {
    let redis = Redis::start();
    let mut servers: [Server; 3] = pods(&redis.url()).await;
    let mut publisher = Raw::open(&servers[2], None, json!({"recovery": false})).await;
    let mut client = Raw::open(&servers[0], None, json!({})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    publisher.ask("publish", json!({"room": "lobby", "data": 0})).await;
    let mut offset = client.named("message").await[2].clone();
    let (pid, id) = (client.hello["pid"].clone(), client.hello["sid"].clone());
    // Nobody leaves by himself.
    let mut connected = vec![client];
    let mut number = 1;
    for dies in 0..2 {
        is_copied(&redis, &pid, "lobby").await;
        killed(&mut servers[dies]).await;
        for data in number..number + 3 {
            publisher.ask("publish", json!({"room": "lobby", "data": data})).await;
        }
        let start = Instant::now();
        let mut back = Raw::open(&servers[dies + 1], None, json!({"pid": pid, "offset": offset})).await;
        assert!(start.elapsed() < HANDOVER, "nobody waits for the dead: {:?}", start.elapsed());
        assert_eq!((&back.hello["pid"], &back.hello["sid"]), (&pid, &id));
        for data in number..number + 3 {
            let message = back.named("message").await;
            assert_eq!(message[1]["data"], data);
            offset = message[2].clone();
        }
        number += 3;
        connected.push(back);
    }
}

#[tokio::test]
async fn what_a_client_published_before_its_server_died_is_not_published_twice() {
    let redis = Redis::start();
    let [mut one, other] = pods(&redis.url()).await;
    let mut listener = Raw::open(&other, None, json!({})).await;
    listener.ask("join", json!({"room": "lobby"})).await;
    let mut client = Raw::open(&one, None, json!({})).await;
    eventually("the listener counts", async || client.ask("presence", json!({"room": "lobby"})).await["count"] == 1)
        .await;
    let publication = json!({"room": "lobby", "data": 1, "id": "a"});
    assert_eq!(client.ask("publish", publication.clone()).await, json!({"delivered": 1}));
    let pid = client.hello["pid"].clone();
    is_copied(&redis, &pid, "state").await;
    killed(&mut one).await;
    let mut back = Raw::open(&other, None, json!({"pid": pid})).await;
    assert_eq!(back.hello["sid"], client.hello["sid"]);
    assert_eq!(back.ask("publish", publication).await["duplicate"], true);
    back.ask("publish", json!({"room": "lobby", "data": 2, "id": "b"})).await;
    assert_eq!(listener.named("message").await[1]["data"], 1);
    assert_eq!(listener.named("message").await[1]["data"], 2, "the first one came once");
}

#[tokio::test]
async fn who_has_just_come_back_comes_back_again_when_that_server_dies_at_once() {
    let redis = Redis::start();
    let [home, mut one, mut two, last] = pods(&redis.url()).await;
    let client = Raw::open(&home, None, json!({})).await;
    let (pid, id) = (client.hello["pid"].clone(), client.hello["sid"].clone());
    drop(client);
    for server in [&mut one, &mut two] {
        let back = Raw::open(server, None, json!({"pid": pid})).await;
        assert_eq!(back.hello["sid"], id);
        killed(server).await;
    }
    let back = Raw::open(&last, None, json!({"pid": pid})).await;
    assert_eq!(back.hello["sid"], id);
}

#[tokio::test]
async fn who_said_goodbye_leaves_no_copy() {
    let redis = Redis::start();
    let [mut one, other] = pods(&redis.url()).await;
    let mut client = Raw::open(&one, None, json!({})).await;
    let pid = client.hello["pid"].clone();
    is_copied(&redis, &pid, "state").await;
    client.send("41").await;
    eventually("the copy is gone", async || redis.ask(&["KEYS", "sio:session:*"]).trim().is_empty()).await;
    killed(&mut one).await;
    let mut stranger = Raw::open(&other, None, json!({"pid": pid})).await;
    assert_eq!(stranger.named("realtime:gap").await[1]["reason"], "unknown_session");
}

/// Real clients, while a publisher at another server goes on.
#[tokio::test]
async fn clients_of_a_server_that_dies_miss_nothing() {
    let redis = Redis::start();
    let [mut one, other] = pods(&redis.url()).await;
    let mut clients = Vec::new();
    for kind in [Kind::Plain(4), Kind::Packaged(3), Kind::Packaged(2)] {
        let line = Line::to(one.public).await;
        let mut client = Client::start(kind, line.address, WEBSOCKET).await;
        let first = client.join("lobby").await;
        clients.push((kind, line, client, first));
    }
    let publisher = Publisher::start(&other, "lobby", Duration::from_millis(20)).await;
    for (_, _, client, _) in &mut clients {
        client.messages(20).await;
    }
    killed(&mut one).await;
    for (kind, line, client, first) in &mut clients {
        line.lead_to(other.public);
        let session = client.next("session").await;
        assert_eq!((&session["id"], &session["recovered"]), (&first["id"], &json!(true)), "{kind:?}");
    }
    for (_, _, client, _) in &mut clients {
        client.messages(40).await;
    }
    let count = publisher.stop().await;
    let numbers: Vec<_> = (0..count).map(Value::from).collect();
    for (kind, _, mut client, _) in clients {
        assert_eq!(client.messages(count).await, numbers, "{kind:?}");
        assert_eq!(client.count("gap"), 0, "{kind:?}");
        client.end().await;
    }
}
