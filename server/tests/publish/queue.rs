//! A queue in Redis that two servers read.

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{Pod, harness::eventually, message, named, raw::Raw, redis::Redis};

const QUEUE: &str = "chat:publish";

fn options(url: &str) -> [&str; 8] {
    ["--redis-url", url, "--queue-stream", QUEUE, "--queue-claim-after", "1s", "--queue-tries", "2"]
}

fn push(redis: &Redis, event: &Value) -> String {
    redis.ask(&["XADD", QUEUE, "*", "publish", &event.to_string()]).trim().to_owned()
}

/// One transaction, so that nobody sees what is between the commands.
fn at_once(redis: &Redis, commands: &[&[&str]]) {
    let line = |words: &[&str]| words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" ");
    let lines = commands.iter().map(|words| line(words)).collect::<Vec<_>>().join("\n");
    let mut client = Command::new("redis-cli");
    client.args(["-p", &redis.port.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = client.spawn().unwrap();
    client.stdin.take().unwrap().write_all(format!("MULTI\n{lines}\nEXEC\n").as_bytes()).unwrap();
    let answer = String::from_utf8(client.wait_with_output().unwrap().stdout).unwrap();
    assert!(!answer.contains("ERR") && !answer.contains("EXECABORT"), "{answer}");
}

async fn is_empty(redis: &Redis) {
    eventually("the queue is empty", async || redis.ask(&["XLEN", QUEUE]).trim() == "0").await;
}

#[tokio::test]
async fn entries_become_events_once_also_those_that_were_there_before() {
    let redis = Redis::start();
    for number in 0..100 {
        push(&redis, &message("lobby", number));
    }
    let [one, other] = Pod::two(&["--redis-url", &redis.url()]).await;
    let mut readers = [
        Raw::open(&one.server, None, json!({"recovery": false})).await,
        Raw::open(&other.server, None, json!({"recovery": false})).await,
    ];
    for reader in &mut readers {
        reader.ask("join", json!({"room": "lobby"})).await;
    }
    let url = redis.url();
    let _consumers = [Pod::start(&options(&url)).await, Pod::start(&options(&url)).await];
    for number in 100..200 {
        push(&redis, &message("lobby", number));
    }
    for reader in &mut readers {
        let mut seen = BTreeMap::new();
        while seen.len() < 200 {
            *seen.entry(reader.named("message").await[1].as_i64().unwrap()).or_insert(0) += 1;
        }
        assert!(seen.into_values().eq([1; 200]));
    }
    is_empty(&redis).await;
    assert_eq!(redis.ask(&["XLEN", "chat:publish:dead"]).trim(), "0");
}

#[tokio::test]
async fn what_a_dead_consumer_held_is_taken_by_another_and_delivered_once() {
    let redis = Redis::start();
    let url = redis.url();
    redis.ask(&["XGROUP", "CREATE", QUEUE, "realtime", "0", "MKSTREAM"]);
    push(&redis, &message("lobby", 1));
    push(&redis, &named("order-17", "lobby", 2));
    let held = redis.ask(&["XREADGROUP", "GROUP", "realtime", "gone", "COUNT", "2", "STREAMS", QUEUE, ">"]);
    assert!(held.contains("order-17"), "{held}");
    let [one, other] = Pod::two(&["--redis-url", &url]).await;
    let mut reader = Raw::open(&other.server, None, json!({"recovery": false})).await;
    reader.ask("join", json!({"room": "lobby"})).await;
    // The dead one had published this already when it died.
    one.take(named("order-17", "lobby", 2)).await;
    let consumer = Pod::start(&options(&url)).await;
    is_empty(&redis).await;
    one.take(message("lobby", "last")).await;
    let mut seen = Vec::new();
    while seen.last() != Some(&json!("last")) {
        seen.push(reader.named("message").await[1].clone());
    }
    assert_eq!(seen, [json!(2), json!(1), json!("last")]);
    assert_eq!(consumer.count("realtime_server_publish_events_total{via=\"queue\",result=\"duplicate\"}").await, 1);
}

#[tokio::test]
async fn a_pod_that_is_killed_takes_no_entry_with_it() {
    let redis = Redis::start();
    let url = redis.url();
    let reader_pod = Pod::start(&["--redis-url", &url]).await;
    let mut reader = Raw::open(&reader_pod.server, None, json!({"recovery": false})).await;
    reader.ask("join", json!({"room": "lobby"})).await;
    let [victim, _survivor] = [Pod::start(&options(&url)).await, Pod::start(&options(&url)).await];
    for number in 0..600 {
        push(&redis, &message("lobby", number));
        if number == 300 {
            victim.server.signal("KILL");
        }
    }
    let mut seen = BTreeMap::new();
    while seen.len() < 600 {
        *seen.entry(reader.named("message").await[1].as_i64().unwrap()).or_insert(0) += 1;
    }
    is_empty(&redis).await;
    reader_pod.take(message("lobby", -1)).await;
    while !seen.contains_key(&-1) {
        *seen.entry(reader.named("message").await[1].as_i64().unwrap()).or_insert(0) += 1;
    }
    assert!(seen.into_values().all(|count| count == 1), "none twice");
}

#[tokio::test]
async fn what_cannot_be_published_is_a_dead_letter_with_the_reason() {
    let redis = Redis::start();
    let url = redis.url();
    let pod = Pod::start(&options(&url)).await;
    let bad = push(&redis, &json!({"event": "message", "rooms": [7]}));
    redis.ask(&["XADD", QUEUE, "*", "other", "field"]);
    // Redis refuses this one again and again: what remembers its id is something else.
    redis.ask(&["LPUSH", "{socket.io}:published:id:poison", "x"]);
    push(&redis, &named("poison", "lobby", 1));
    is_empty(&redis).await;
    let dead = redis.ask(&["XRANGE", "chat:publish:dead", "-", "+"]);
    for part in ["BadField: rooms[0]: has to be a string", "BadField: publish: is required", "WRONGTYPE", &bad, QUEUE] {
        assert!(dead.contains(part), "{part} is not in {dead}");
    }
    let tries: Vec<_> = dead.lines().skip_while(|line| *line != "tries").nth(1).into_iter().collect();
    assert_eq!(tries, ["1"], "a bad event is not tried again");
    let last = dead.lines().collect::<Vec<_>>();
    let at = last.iter().rposition(|line| *line == "tries").unwrap();
    assert_eq!(last[at + 1], "2", "what may be somebody else's fault is tried again");
    assert_eq!(pod.count("realtime_server_publish_dead_letters_total").await, 3);
    assert_eq!(pod.server.status().await["publish"]["queue"]["deadLetters"], 3);
}

#[tokio::test]
async fn a_redis_that_comes_back_loses_no_entry_and_spends_no_try() {
    let mut redis = Redis::durable();
    let url = redis.url();
    let pod = Pod::start(&options(&url)).await;
    let mut reader = Raw::open(&pod.server, None, json!({"recovery": false})).await;
    push(&redis, &json!({"event": "message", "data": 1}));
    assert_eq!(reader.named("message").await[1], 1);
    redis.kill();
    eventually("it says so", async || pod.server.status().await["publish"]["queue"]["connected"] == false).await;
    redis.revive();
    push(&redis, &json!({"event": "message", "data": 2}));
    assert_eq!(reader.named("message").await[1], 2);
    is_empty(&redis).await;
    assert_eq!(redis.ask(&["XLEN", "chat:publish:dead"]).trim(), "0");
    assert_eq!(pod.server.status().await["publish"]["queue"]["reason"], Value::Null);
}

#[tokio::test]
async fn entries_that_wait_for_the_backplane_are_said_to_wait() {
    let redis = Redis::start();
    let url = redis.url();
    let pod = Pod::start(&options(&url)).await;
    let mut reader = Raw::open(&pod.server, None, json!({"recovery": false})).await;
    eventually("it reads", async || pod.server.status().await["publish"]["queue"]["connected"] == true).await;
    // The queue can be read all the time, and nothing can be published.
    let event = r#"{"event": "message", "data": 1}"#;
    at_once(&redis, &[&["XADD", QUEUE, "*", "publish", event], &["CONFIG", "SET", "maxmemory", "1"]]);
    eventually("it says so", async || {
        let status = pod.server.status().await;
        status["publish"]["queue"]["connected"] == false && status["publish"]["queue"]["reason"] == "OutOfMemory"
    })
    .await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(reader.named("message").await[1], 1);
    eventually("it goes on", async || pod.server.status().await["publish"]["queue"]["connected"] == true).await;
    is_empty(&redis).await;
    assert_eq!(redis.ask(&["XLEN", "chat:publish:dead"]).trim(), "0");
}

#[tokio::test]
async fn a_pod_that_ends_leaves_the_group() {
    let redis = Redis::start();
    let url = redis.url();
    let mut pod = Pod::start(&options(&url)).await;
    eventually("it reads", async || pod.server.status().await["publish"]["queue"]["connected"] == true).await;
    push(&redis, &message("lobby", 1));
    is_empty(&redis).await;
    assert!(redis.ask(&["XINFO", "CONSUMERS", QUEUE, "realtime"]).contains("name"));
    pod.server.signal("TERM");
    eventually("it ends", async || pod.server.has_ended()).await;
    assert_eq!(redis.ask(&["XINFO", "CONSUMERS", QUEUE, "realtime"]).trim(), "");
}

/// What stands in a page after a mark, without its line breaks.
fn rules(page: &str) -> Vec<String> {
    let page = std::fs::read_to_string(crate::redis::root().join("docs").join(page)).unwrap();
    let (_, rules) = page.split_once("ACL SETUSER chat ").expect("the page has rules");
    rules.split_once("```").unwrap().0.split_whitespace().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_rights_that_the_pages_list_are_enough() {
    let redis = Redis::start();
    for page in ["backplane.md", "publish.md"] {
        let rules: Vec<_> = rules(page).into_iter().map(|rule| rule.replace(">PASSWORD", ">secret")).collect();
        let command = ["ACL", "SETUSER", "chat"].into_iter().chain(rules.iter().map(String::as_str));
        assert_eq!(redis.ask(&command.collect::<Vec<_>>()).trim(), "OK", "{page}");
    }
    let url = format!("redis://chat:secret@127.0.0.1:{}", redis.port);
    let pod = Pod::start(&[&options(&url)[..], &["--redis-stream", "chat"]].concat()).await;
    let mut reader = Raw::open(&pod.server, None, json!({"recovery": false})).await;
    reader.ask("join", json!({"room": "lobby"})).await;
    push(&redis, &named("order-17", "lobby", 1));
    push(&redis, &json!({"event": 7}));
    pod.take(named("order-17", "lobby", 2)).await;
    pod.take(message("lobby", 3)).await;
    assert_ne!(reader.named("message").await[1], 3, "one of those with the id comes first");
    assert_eq!(reader.named("message").await[1], 3);
    is_empty(&redis).await;
    let buried = redis.ask(&["XRANGE", "chat:publish:dead", "-", "+"]);
    assert!(buried.contains("event: has to be a string"), "{buried}");
    let status = pod.server.status().await;
    assert_eq!(status["publish"]["queue"]["connected"], true, "{status}");
}
