//! What programs are answered.

use std::fs;

use serde_json::{Value, json};

use crate::{
    Pod, TOKEN,
    harness::{Request, Server, manifest},
    message, named,
    raw::Raw,
};

#[tokio::test]
async fn who_has_no_token_publishes_nothing() {
    let pod = Pod::start(&[]).await;
    for request in [
        Request::new("POST", "/publish"),
        Request::new("POST", "/publish").header("authorization", "Bearer another-token-of-a-program"),
        Request::new("POST", "/publish").header("authorization", format!("Basic {TOKEN}")),
        Request::new("POST", &format!("/publish?token={TOKEN}")),
    ] {
        let answer = pod.send(request.body(message("lobby", 1).to_string())).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{}", answer.text());
        assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap()["reason"], "TokenRefused");
    }
    assert_eq!(pod.count("realtime_server_publish_requests_total{result=\"TokenRefused\"}").await, 4);
    assert_eq!(pod.server.send(Request::new("POST", "/publish").body("{}")).await.status, 404, "not the public port");
}

#[tokio::test]
async fn a_new_token_counts_at_once_and_the_old_one_as_long_as_it_is_there() {
    let pod = Pod::start(&[]).await;
    let other = "another-token-of-a-program";
    let status = async |token| pod.post(token, message("lobby", 1).to_string()).await.status;
    assert_eq!((status(TOKEN).await, status(other).await), (200, 401));
    let replace = |text: &str| {
        let next = pod.token.with_extension("next");
        fs::write(&next, text).unwrap();
        fs::rename(next, &pod.token).unwrap();
    };
    replace(&format!("{other}\n{TOKEN}\n"));
    assert_eq!((status(TOKEN).await, status(other).await), (200, 200));
    replace(other);
    assert_eq!((status(TOKEN).await, status(other).await), (401, 200));
    fs::remove_file(&pod.token).unwrap();
    assert_eq!(status(other).await, 503);
    let problem = pod.server.status().await["publish"]["tokenProblem"].clone();
    assert!(problem.as_str().is_some_and(|problem| problem.contains("cannot be read")), "{problem}");
}

#[tokio::test]
async fn a_bad_event_is_answered_with_the_field_and_nothing_of_a_list_is_published() {
    let pod = Pod::start(&["--publish-max-body", "4Ki"]).await;
    let mut client = Raw::open(&pod.server, None, json!({"recovery": false})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    for (body, field, reason) in [
        (json!({"event": "a", "rooms": ["b", 7]}), json!("rooms[1]"), "BadField"),
        (json!({"event": "a", "rooms": []}), json!("rooms"), "BadField"),
        (json!({"event": "a", "room": "b"}), json!("room"), "BadField"),
        (json!({"event": "a", "namespace": "/admin"}), json!("namespace"), "BadField"),
        (json!([message("lobby", 1), {"event": "connect"}]), json!("[1].event"), "BadField"),
        (json!([message("lobby", 1), 7]), json!("[1]"), "Malformed"),
        (json!([]), Value::Null, "Malformed"),
        (json!("text"), Value::Null, "Malformed"),
    ] {
        let (status, answer) = pod.publish(&body).await;
        assert_eq!((status, &answer["field"], &answer["reason"]), (400, &field, &json!(reason)), "{body}: {answer}");
    }
    assert_eq!(pod.post(TOKEN, "{").await.status, 400);
    let long = pod.post(TOKEN, message("lobby", "x".repeat(5000)).to_string()).await;
    assert_eq!((long.status, long.text().contains("4096")), (413, true), "{}", long.text());
    let head = format!("Bearer {TOKEN}");
    assert_eq!(pod.send(Request::new("GET", "/publish").header("authorization", &head)).await.status, 405);
    assert_eq!(pod.send(Request::new("POST", "/").header("authorization", &head).body("{}")).await.status, 404);
    pod.take(message("lobby", "last")).await;
    assert_eq!(client.named("message").await[1], "last");
    assert_eq!(pod.count("realtime_server_publish_requests_total{result=\"BadField\"}").await, 5);
    assert_eq!(pod.count("realtime_server_publish_events_total{via=\"http\",result=\"taken\"}").await, 1);
}

#[tokio::test]
async fn one_server_alone_delivers_every_kind_of_event() {
    let pod = Pod::start(&[]).await;
    let mut client = Raw::open(&pod.server, None, json!({})).await;
    let mut other = Raw::open(&pod.server, None, json!({})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    other.ask("join", json!({"room": "lobby"})).await;
    other.ask("join", json!({"room": "quiet"})).await;
    let answer =
        pod.take(json!({"event": "news", "args": [1, {"two": 2}], "rooms": ["lobby"], "except": ["quiet"]})).await;
    assert_eq!((&answer["pods"], &answer["missing"], &answer["duplicate"]), (&json!(1), &json!(0), &json!(false)));
    let news = client.named("news").await;
    assert_eq!((&news[1], &news[2], &news[3]), (&json!(1), &json!({"two": 2}), &answer["offset"]));
    pod.take(json!({"event": "news", "data": "to one", "rooms": [other.hello["sid"]]})).await;
    assert_eq!(
        other.named("news").await[1],
        "to one",
        "what was excepted did not come, and each is in a room of its id"
    );
    let (status, answers) = pod.publish(&json!([{"event": "news", "data": "to all"}, named("a", "lobby", 2)])).await;
    assert_eq!((status, answers.as_array().unwrap().len()), (200, 2), "{answers}");
    for reader in [&mut client, &mut other] {
        assert_eq!(reader.named("news").await[1], "to all");
        assert_eq!(reader.named("message").await[1], 2);
    }
}

#[tokio::test]
async fn the_same_id_is_delivered_once() {
    let pod = Pod::start(&["--publish-window", "1s"]).await;
    let mut client = Raw::open(&pod.server, None, json!({"recovery": false})).await;
    client.ask("join", json!({"room": "lobby"})).await;
    let first = pod.take(named("order-17", "lobby", 1)).await;
    let second = pod.take(named("order-17", "lobby", 2)).await;
    assert_eq!((&second["duplicate"], &second["offset"]), (&json!(true), &first["offset"]));
    tokio::time::sleep(tokio::time::Duration::from_millis(1100)).await;
    assert_eq!(pod.take(named("order-17", "lobby", 3)).await["duplicate"], false, "the window is over");
    assert_eq!(client.named("message").await[1], 1);
    assert_eq!(client.named("message").await[1], 3);
}

#[tokio::test]
async fn a_queue_without_a_backplane_is_refused_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.yaml");
    fs::write(&file, manifest(crate::ORIGINS)).unwrap();
    let output = crate::harness::command(&file).args(["--queue-stream", "chat:publish"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("--redis-url"), "{said}");
    let without = Server::start(&manifest(crate::ORIGINS));
    assert_eq!(without.status().await["publish"], Value::Null, "nobody asked for it");
}
