//! A server of Node with `@socket.io/redis-streams-adapter` on the same Redis.

use serde_json::{Value, json};

use crate::{
    client::{Client, Kind, WEBSOCKET},
    harness::eventually,
    node::Node,
    pods,
    raw::Raw,
    redis::Redis,
};

#[tokio::test]
async fn events_and_rooms_cross_both_ways() {
    let redis = Redis::start();
    let [one, other] = pods(&redis.url()).await;
    let mut node = Node::start(&redis.url()).await;
    let mut at_node = Client::start(Kind::Plain(4), node.address, WEBSOCKET).await;
    at_node.join("lobby").await;
    let mut clients = Vec::new();
    for (version, server) in [(4, &one), (3, &other), (2, &other)] {
        let mut client = Client::start(Kind::Plain(version), server.public, WEBSOCKET).await;
        client.join("lobby").await;
        clients.push(client);
    }
    let mut excepted = Raw::open(&one, None, json!({})).await;
    excepted.ask("join", json!({"room": "lobby"})).await;
    excepted.ask("join", json!({"room": "quiet"})).await;

    node.ask(json!({"do": "emit", "rooms": ["lobby"], "except": ["quiet"], "data": "from node"})).await;
    node.ask(json!({"do": "emit", "rooms": ["attic"], "data": "for nobody"})).await;
    node.ask(json!({"do": "emit", "rooms": ["lobby"], "except": ["quiet"], "data": {"hex": "00ff"}})).await;
    node.ask(json!({"do": "volatile", "rooms": ["lobby"], "except": ["quiet"], "data": "volatile"})).await;
    at_node.ask("publish", json!({"room": "lobby", "data": "from a client of node"})).await;
    for client in &mut clients {
        let messages = client.messages(4).await;
        assert_eq!(messages[0], "from node");
        assert_eq!(messages[1]["at"], "1970-01-01T00:00:00.000Z");
        assert_eq!(messages[1]["file"]["data"], json!([0, 255]));
        assert_eq!(messages[2..], [json!("volatile"), json!("from a client of node")]);
    }
    let heard = excepted.named("message").await;
    assert_eq!(heard[1]["data"], "from a client of node", "what was excepted did not come");

    for (number, client) in clients.iter_mut().enumerate() {
        client.ask("publish", json!({"room": "lobby", "data": number})).await;
    }
    // Node need not send its own client what is volatile.
    let is_ours = |line: &&Value| line["heard"] == "message" && line["data"].is_number();
    while at_node.heard.iter().filter(is_ours).count() < 3 {
        at_node.next("message").await;
    }
}

#[tokio::test]
async fn acknowledgements_cross_both_ways() {
    let redis = Redis::start();
    let [one, other] = pods(&redis.url()).await;
    let mut node = Node::start(&redis.url()).await;
    let mut clients = Vec::new();
    for (version, address) in [(4, one.public), (3, other.public), (2, other.public), (4, node.address)] {
        let mut client = Client::start(Kind::Plain(version), address, WEBSOCKET).await;
        client.join("lobby").await;
        clients.push(client);
    }
    let asked = node.ask(json!({"do": "ask", "rooms": ["lobby"], "data": 7})).await;
    assert_eq!(asked["answers"], json!([{"heard": 7}, {"heard": 7}, {"heard": 7}, {"heard": 7}]), "{asked}");

    let mut raw = Raw::open(&one, None, json!({"recovery": false})).await;
    let asked = raw.ask("ask", json!({"room": "lobby", "event": "question", "data": 8})).await;
    let heard = json!({"heard": {"room": "lobby", "from": raw.hello["sid"], "data": 8}});
    assert_eq!(asked, json!({"answers": [heard, heard, heard, heard], "missing": 0}));
}

#[tokio::test]
async fn servers_of_node_see_and_steer_our_clients() {
    let redis = Redis::start();
    let [one, other] = pods(&redis.url()).await;
    let mut node = Node::start(&redis.url()).await;
    let mut client = Raw::open(&one, None, json!({})).await;
    let mut second = Raw::open(&other, None, json!({})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    second.ask("join", json!({"room": "lobby"})).await;
    let id = client.hello["sid"].clone();

    // It hears of each by a beat.
    eventually("it knows both", async || node.ask(json!({"do": "servers"})).await["answers"] == 2).await;
    let found = node.ask(json!({"do": "fetch", "rooms": ["lobby"]})).await;
    let sockets = found["sockets"].as_array().unwrap();
    assert_eq!(sockets.len(), 2, "{found}");
    assert!(sockets.iter().any(|socket| *socket == json!({"id": id, "rooms": [id, "lobby"]})), "{found}");

    // To its own room, which the format has for each client.
    node.ask(json!({"do": "emit", "rooms": [id], "data": "for one"})).await;
    assert_eq!(client.named("message").await[1]["data"], "for one");

    node.ask(json!({"do": "join", "rooms": [id], "join": ["attic"]})).await;
    eventually("it joined", async || client.ask("presence", json!({"room": "attic"})).await["count"] == 1).await;
    second.ask("publish", json!({"room": "attic", "data": "upstairs"})).await;
    assert_eq!(client.named("message").await[1]["data"], "upstairs");
    node.ask(json!({"do": "leave", "rooms": [id], "leave": ["attic"]})).await;
    eventually("it left", async || second.ask("presence", json!({"room": "attic"})).await["count"] == 0).await;
    node.ask(json!({"do": "disconnect", "rooms": [id]})).await;
    eventually("it is gone", async || second.ask("presence", json!({})).await["count"] == 1).await;
}
