//! Redis goes away and comes back.

use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Duration, sleep},
};

use crate::{
    ORIGINS,
    harness::{Server, eventually, manifest},
    is_connected, pods,
    raw::Raw,
    redis::Redis,
};

/// The messages that came, until one says that it is the last.
async fn all(reader: &mut Raw) -> Vec<i64> {
    let mut numbers = Vec::new();
    loop {
        let message = reader.named("message").await;
        match message[1]["data"].as_i64() {
            Some(number) => numbers.push(number),
            None => return numbers,
        }
    }
}

#[tokio::test]
async fn what_is_lost_while_redis_is_away_is_what_was_announced_and_nothing_comes_twice() {
    let mut redis = Redis::durable();
    let [one, other] = pods(&redis.url()).await;
    let mut publisher = Raw::open(&one, None, json!({"recovery": false})).await;
    let mut near = Raw::open(&one, None, json!({})).await;
    let mut far = Raw::open(&other, None, json!({})).await;
    for reader in [&mut near, &mut far] {
        reader.ask("join", json!({"room": "lobby"})).await;
    }
    let (mut number, mut taken, mut refused) = (0_i64, Vec::new(), Vec::new());
    for round in 0..2 {
        for step in 0..150 {
            if step == 50 {
                redis.kill();
            }
            if step == 100 {
                redis.revive();
                is_connected(&one, true).await;
            }
            let answer = publisher.ask("publish", json!({"room": "lobby", "data": number})).await;
            match answer["error"].as_str() {
                None => taken.push(number),
                Some(error) => {
                    assert!(error.starts_with("backplane: "), "{error}");
                    assert_eq!(answer["delivered"], 1, "those who are here got it: {answer}");
                    refused.push(number);
                }
            }
            number += 1;
        }
        assert!(refused.len() > 40 * (round + 1), "{refused:?}");
    }
    is_connected(&other, true).await;
    publisher.ask("publish", json!({"room": "lobby", "data": "last"})).await;
    let everything: Vec<_> = (0..number).collect();
    assert_eq!(all(&mut near).await, everything, "those who are here miss nothing");
    let far = all(&mut far).await;
    let lost: Vec<_> = everything.iter().copied().filter(|number| !far.contains(number)).collect();
    assert!(far.is_sorted_by(|one, next| one < next), "in order, none twice: {far:?}");
    assert!(lost.iter().all(|number| refused.contains(number)), "lost {lost:?}, announced {refused:?}");
    assert!(taken.iter().all(|number| far.contains(number)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_lets_nobody_in_before_it_has_redis() {
    let redis = Redis::start();
    let server = Server::start_with(&manifest(ORIGINS), &["--redis-url", &far_away(&redis).await]);
    assert_eq!(server.status().await["backplane"]["connected"], true);
}

/// The same Redis, to which a connection takes a while.
async fn far_away(redis: &Redis) -> String {
    let near = redis.url().trim_start_matches("redis://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut here, _)) = listener.accept().await {
            let near = near.clone();
            tokio::spawn(async move {
                sleep(Duration::from_millis(300)).await;
                let mut there = TcpStream::connect(near).await.unwrap();
                tokio::io::copy_bidirectional(&mut here, &mut there).await.ok();
            });
        }
    });
    url
}

#[tokio::test]
async fn the_status_says_that_redis_is_away_and_why() {
    let mut redis = Redis::start();
    let [one] = pods(&redis.url()).await;
    assert!(one.metrics().await.contains("realtime_server_backplane_connected 1"));
    redis.kill();
    is_connected(&one, false).await;
    assert_eq!(one.status().await["backplane"]["reason"], "Unreachable");
    eventually("metrics say it too", async || one.metrics().await.contains("realtime_server_backplane_connected 0"))
        .await;
    let mut client = Raw::open(&one, None, json!({})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    let answer = client.ask("publish", json!({"room": "lobby", "data": 1})).await;
    assert!(answer["error"].as_str().is_some_and(|error| error.contains("Unreachable")), "{answer}");
    assert!(one.metrics().await.contains("backplane_lost_total{reason=\"Unreachable\"} 1"));
    redis.revive();
    is_connected(&one, true).await;
    assert_eq!(one.status().await["backplane"]["reason"], Value::Null);
}

#[tokio::test]
async fn a_client_comes_back_as_itself_while_redis_is_away() {
    let mut redis = Redis::start();
    let [one] = pods(&redis.url()).await;
    let mut publisher = Raw::open(&one, None, json!({"recovery": false})).await;
    let mut client = Raw::open(&one, None, json!({})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    publisher.ask("publish", json!({"room": "lobby", "data": 1})).await;
    let message = client.named("message").await;
    redis.kill();
    is_connected(&one, false).await;
    let (pid, id) = (client.hello["pid"].clone(), client.hello["sid"].clone());
    client.vanish();
    eventually("it is gone", async || publisher.ask("presence", json!({})).await["count"] == 1).await;
    let back = Raw::open(&one, None, json!({"pid": pid, "offset": message[2]})).await;
    assert_eq!((&back.hello["pid"], &back.hello["sid"]), (&pid, &id));
}

#[tokio::test]
async fn a_redis_that_forgot_everything_is_told_to_clients() {
    let mut redis = Redis::start();
    let [one] = pods(&redis.url()).await;
    let mut client = Raw::open(&one, None, json!({})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    client.ask("publish", json!({"room": "lobby", "data": 1})).await;
    redis.kill();
    redis.revive();
    assert_eq!(client.named("realtime:gap").await[1]["reason"], "log_lost");
    eventually("it goes on", async || {
        sleep(Duration::from_millis(20)).await;
        client.ask("publish", json!({"room": "lobby", "data": 2})).await["error"].is_null()
    })
    .await;
}
