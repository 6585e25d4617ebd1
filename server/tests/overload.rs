//! Beyond its limits the server says so, at once and in words that a page can read, and those who are connected do not notice.

mod harness;

use std::time::Duration;

use harness::{
    APP, Answer, Request, Server, eventually,
    frames::{Frame, Frames, frame},
    manifest, send, websocket,
};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, sleep},
};

const ALLOW: &str = r#"{allow: ["https://app.domain-b.com"]}"#;
const SECOND: Duration = Duration::from_secs(1);

fn limited(options: &[&str]) -> Server {
    Server::start_with(&manifest(ALLOW), options)
}

/// A refusal that a browser's page can read.
fn assert_busy(answer: &Answer, reason: &str) {
    assert_eq!(answer.status, 503, "{answer:?}");
    let seconds: u32 = answer.header("retry-after").expect("when to come back").parse().expect("seconds");
    assert!((1..=30).contains(&seconds));
    assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
    assert_eq!(answer.error().0, 3);
    assert!(answer.text().contains(&format!(r#""reason":"{reason}""#)), "{}", answer.text());
}

#[tokio::test]
async fn no_more_connections_are_opened_than_are_allowed_and_a_place_that_is_given_back_is_given_away_again() {
    let server = limited(&["--max-connections", "2"]);
    let first = websocket(&server, "EIO=4&transport=websocket", APP).await;
    let sid = server.handshake(APP).await;
    for request in [Request::polling(""), Request::websocket()] {
        assert_busy(&server.send(request.origin(APP)).await, "connections");
    }
    assert_eq!(server.send(Request::preflight().origin(APP)).await.status, 204, "preflights are served");
    assert_eq!(server.send(Request::new("GET", "/ready")).await.status, 200, "a full server is no broken one");
    assert_eq!(server.send(Request::post(&sid, "40").origin(APP)).await.status, 200, "an open session goes on");
    let upgraded = websocket(&server, &format!("EIO=4&transport=websocket&sid={sid}"), APP).await;
    let metrics = server.metrics().await;
    for line in [
        r#"overload_refusals_total{reason="connections"} 2"#,
        r#"handshakes_total{verdict="refused",reason="connections",transport="polling",eio="4"} 1"#,
        "connections_limit 2",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    drop(first);
    eventually("there is room", async || server.send(Request::polling("").origin(APP)).await.status == 200).await;
    drop(upgraded);
    eventually("there is room", async || server.send(Request::websocket().origin(APP)).await.status == 101).await;
}

#[tokio::test]
async fn handshakes_come_in_a_burst_of_a_second_and_then_at_the_rate() {
    let server = limited(&["--handshake-rate", "5"]);
    let mut refused = 0;
    for _ in 0..20 {
        let answer = server.send(Request::polling("").origin(APP)).await;
        if answer.status != 200 {
            assert_busy(&answer, "handshake_rate");
            refused += 1;
        }
    }
    assert!(refused >= 10, "{refused} of 20");
    sleep(SECOND).await;
    assert_eq!(server.send(Request::polling("").origin(APP)).await.status, 200);
}

#[tokio::test]
async fn a_message_that_is_too_long_is_named_as_the_cause() {
    let server = limited(&["--max-message-size", "2000"]);
    let long = "x".repeat(3000);
    let mut client = Frames::connected(&server).await;
    client.text(&format!(r#"421["echo","{}"]"#, &long[..1900])).await;
    assert!(matches!(client.next().await, Frame::Text(text) if text.starts_with("431")));
    client.stream.write_all(&frame(0x81, long.as_bytes())[..100]).await.expect("sent");
    let told = (1009, "message is longer than this server takes".to_owned());
    assert_eq!(client.closed().await, told, "before all of it has come");
    let mut client = Frames::connected(&server).await;
    client.send(0x01, &long.as_bytes()[..1500]).await;
    client.send(0x80, &long.as_bytes()[..1500]).await;
    assert_eq!(client.closed().await, told, "in pieces too");
    let sid = server.handshake(APP).await;
    assert_eq!(server.send(Request::post(&sid, long).origin(APP)).await.status, 413);
    let closes = r#"sessions_closed_total{cause="message_too_big",transport="websocket"} 2"#;
    eventually("they are counted", async || server.metrics().await.contains(closes)).await;
}

#[tokio::test]
async fn a_burst_of_messages_is_slowed_down_and_loses_nothing() {
    let server = limited(&["--message-rate", "50"]);
    let mut client = Frames::connected(&server).await;
    let start = Instant::now();
    for number in 0..200 {
        client.text(&format!(r#"42{number}["echo"]"#)).await;
    }
    let mut acknowledgements = 0;
    while acknowledgements < 200 {
        let Frame::Text(text) = client.next().await else { panic!("closed after {acknowledgements}") };
        acknowledgements += usize::from(text.starts_with("43"));
    }
    assert!(start.elapsed() > SECOND * 3 / 2, "a burst of 50, then 50 a second: {:?}", start.elapsed());
    assert!(server.metrics().await.contains("throttles_total 1"));
}

#[tokio::test]
async fn a_client_that_goes_on_sending_too_fast_is_sent_away_with_the_reason() {
    let server = limited(&["--message-rate", "50", "--ping-timeout", "4s"]);
    let mut client = Frames::connected(&server).await;
    let flood = frame(0x81, br#"42["echo"]"#).repeat(1000);
    let start = Instant::now();
    let code = loop {
        client.stream.write_all(&flood).await.ok();
        match client.within(SECOND / 20).await {
            Some(Frame::Close(code, reason)) => break (code, reason),
            Some(Frame::End) => panic!("closed without a word"),
            Some(_) | None => {}
        }
    };
    assert_eq!(code, (1008, "more messages a second than this server takes".to_owned()));
    assert!(start.elapsed() > SECOND, "{:?}", start.elapsed());
    drop(client);
    let closes = r#"sessions_closed_total{cause="message_rate",transport="websocket"} 1"#;
    eventually("it is counted", async || server.metrics().await.contains(closes)).await;
}

#[tokio::test]
async fn a_client_that_polls_waits_for_its_turn_too() {
    let server = limited(&["--message-rate", "10"]);
    let sid = server.handshake(APP).await;
    let many = ["40"; 1].into_iter().chain(["42[\"echo\"]"; 24]).collect::<Vec<_>>().join("\u{1e}");
    // From before the first: what passes until the second comes is a part of its turn.
    let start = Instant::now();
    assert_eq!(server.send(Request::post(&sid, many.clone()).origin(APP)).await.status, 200);
    server.send(Request::post(&sid, many).origin(APP)).await;
    assert!(start.elapsed() > SECOND, "{:?}", start.elapsed());
}

/// A client in the room, and one that publishes to it.
async fn slow_and_publisher(server: &Server) -> (Frames, Frames) {
    let mut slow = Frames::connected(server).await;
    slow.text(r#"421["join",{"room":"news"}]"#).await;
    slow.until("an acknowledgement", |text| text.starts_with("431")).await;
    (slow, Frames::connected(server).await)
}

async fn publish(publisher: &mut Frames, padding: &str) {
    publisher.text(&format!(r#"421["publish",{{"room":"news","data":"{padding}"}}]"#)).await;
    publisher.until("an acknowledgement", |text| text.starts_with("431")).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_costs_bounded_memory_and_is_sent_away() {
    let server = limited(&["--ping-timeout", "2s", "--ping-interval", "60s", "--send-buffer", "64Ki"]);
    let (_slow, mut publisher) = slow_and_publisher(&server).await;
    let before = server.resident_kib();
    let padding = "x".repeat(100_000);
    let gone = r#"sessions_closed_total{cause="slow_consumer",transport="websocket"} 1"#;
    let start = Instant::now();
    while !server.metrics().await.contains(gone) {
        assert!(start.elapsed() < 30 * SECOND, "never sent away");
        publish(&mut publisher, &padding).await;
    }
    // What is published is remembered for those who come back, and bounded by itself.
    let remembered = 64 * 1024 + 20_000;
    let after = server.resident_kib();
    assert!(after < before + remembered, "{before} KiB before, {after} after");
    publisher.text(r#"422["echo"]"#).await;
    publisher.until("an acknowledgement", |text| text.starts_with("432")).await;
}

/// Its session has ended, so the engine does not read from it any more, and what waits for it finds no room.
#[tokio::test]
async fn a_client_that_says_goodbye_and_does_not_read_is_let_go_of() {
    let padding = "x".repeat(100_000);
    for goodbye in [frame(0x81, b"1"), frame(0x88, &1001_u16.to_be_bytes()), frame(0x81, b"no packet")] {
        // Long enough for the buffers to fill meanwhile.
        let server = limited(&["--ping-timeout", "8s", "--ping-interval", "60s", "--send-buffer", "64Ki"]);
        let (mut slow, mut publisher) = slow_and_publisher(&server).await;
        let is_open = async || !server.metrics().await.contains("slow_consumer");
        while is_open().await && server.metrics().await.contains("recovery_lagging_total 0") {
            publish(&mut publisher, &padding).await;
        }
        slow.stream.write_all(&goodbye).await.ok();
        let gone = async || server.metrics().await.contains(r#"connections{transport="websocket",eio="4"} 1"#);
        eventually("its place is free", gone).await;
    }
}

#[tokio::test]
async fn a_server_that_is_short_of_memory_opens_nothing_new_and_keeps_what_is_open() {
    let server = limited(&["--memory-limit", "1Mi"]);
    eventually("it is short", async || server.send(Request::polling("").origin(APP)).await.status == 503).await;
    assert_busy(&server.send(Request::websocket().origin(APP)).await, "memory");
    assert!(server.metrics().await.contains("memory_limit_bytes 1048576"));
    let server = limited(&["--memory-limit", "4Gi"]);
    assert_eq!(server.send(Request::polling("").origin(APP)).await.status, 200);
}

#[tokio::test]
async fn every_metric_is_in_the_documentation_and_every_one_in_the_documentation_is_there() {
    let options = ["--max-connections", "9", "--handshake-rate", "9", "--message-rate", "9", "--memory-limit", "4Gi"];
    let server = limited(&options);
    let text =
        String::from_utf8(send(server.admin, b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n").await.body).expect("text");
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE realtime_server_"));
    let there: Vec<_> = types.map(|line| line.split(' ').next().expect("a name")).collect();
    let page = include_str!("../../docs/metrics.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `realtime_server_")).map(|line| {
        let name = line.split('`').next().expect("a name");
        name.strip_suffix("_total").or(name.strip_suffix("_info")).unwrap_or(name)
    });
    let documented: Vec<_> = rows.collect();
    let missing: Vec<_> = there.iter().filter(|name| !documented.contains(name)).collect();
    assert!(there.len() > 15 && missing.is_empty(), "not in docs/metrics.md: {missing:?}");
    // A family without a series says nothing of itself, so what was not seen has to stand where metrics are registered.
    let sources = concat!(
        include_str!("../src/metrics.rs"),
        include_str!("../src/lifetime/numbers.rs"),
        include_str!("../src/recovery/numbers.rs"),
        include_str!("../src/recovery/shared/numbers.rs"),
        include_str!("../src/publish/numbers.rs")
    );
    let registered = |name: &str| {
        let bare = ["recovery_", "backplane_", "publish_"].iter().find_map(|prefix| name.strip_prefix(prefix));
        let bare = bare.unwrap_or(name);
        [bare, bare.trim_end_matches("_seconds"), bare.trim_end_matches("_bytes")]
            .iter()
            .any(|word| sources.contains(&format!("\"{word}\"")))
    };
    let invented: Vec<_> = documented.iter().filter(|name| !there.contains(name) && !registered(name)).collect();
    assert!(invented.is_empty(), "in docs/metrics.md alone: {invented:?}");
}
