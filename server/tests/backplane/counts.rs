//! How many are in a room, on all servers together.

use serde_json::json;

use crate::{harness::eventually, pods, raw::Raw, redis::Redis};

#[tokio::test]
async fn rooms_are_counted_over_all_servers() {
    let redis = Redis::start();
    let [one, other] = pods(&redis.url()).await;
    let mut here = Raw::open(&one, None, json!({})).await;
    let mut there = Raw::open(&other, None, json!({})).await;
    here.ask("join", json!({"room": "lobby"})).await;
    eventually("both count it", async || there.ask("presence", json!({"room": "lobby"})).await["count"] == 1).await;
    assert_eq!(there.ask("join", json!({"room": "lobby"})).await["members"], 2);
    eventually("all are counted", async || here.ask("presence", json!({})).await["count"] == 2).await;
    eventually("it is told", async || here.named("presence").await[1] == json!({"room": "lobby", "members": 2})).await;
    assert_eq!(here.ask("publish", json!({"room": "lobby", "data": 1})).await["delivered"], 2);
    there.vanish();
    eventually("it is gone", async || here.ask("presence", json!({"room": "lobby"})).await["count"] == 1).await;
}

#[tokio::test]
async fn a_server_that_comes_later_knows_who_is_there() {
    let redis = Redis::start();
    let one = crate::pod(&redis.url()).await;
    let mut here = Raw::open(&one, None, json!({})).await;
    here.ask("join", json!({"room": "lobby"})).await;
    let other = crate::pod(&redis.url()).await;
    let mut there = Raw::open(&other, None, json!({})).await;
    eventually("it knows", async || there.ask("presence", json!({"room": "lobby"})).await["count"] == 1).await;
    one.signal("TERM");
    eventually("the other said goodbye", async || there.ask("presence", json!({})).await["count"] == 1).await;
}
