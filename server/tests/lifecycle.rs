//! Start, shutdown and the two ports.

mod harness;

use std::{fs, time::Duration};

use futures::StreamExt;
use harness::{APP, OTHER, Request, Server, command, eventually, manifest, send, websocket};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

const ALLOW: &str = r#"{allow: ["https://app.domain-b.com"]}"#;

fn refused(manifest: &str, options: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("chat.yaml");
    fs::write(&file, manifest).expect("a file");
    let output = command(&file).args(options).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn an_invalid_file_is_refused_with_all_problems() {
    let told = refused(&manifest(r#"{allow: ["https://a.com/", "https://*.com", "null"]}"#), &[]);
    for place in ["allow[0]", "allow[1]", "allow[2]"] {
        assert!(told.contains(place) || told.contains("ends with a slash"), "{told}");
    }
    let told = refused("kind: Nothing", &[]);
    assert!(told.contains("no RealtimeService"), "{told}");
}

#[test]
fn one_of_several_services_has_to_be_named() {
    let both = format!("{}---\n{}", manifest(ALLOW), manifest(ALLOW).replace("name: chat", "name: news"));
    let told = refused(&both, &[]);
    assert!(told.contains("chat, news") && told.contains("--name"), "{told}");
    assert!(refused(&both, &["--name", "blog"]).contains("of that name"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("both.yaml");
    fs::write(&file, both).expect("a file");
    drop(Server::start_in(folder, file, &["--name", "news"]));
}

#[test]
fn without_a_source_it_says_what_it_needs() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_realtime-server"))
        .env_clear()
        .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).expect("text");
    assert!(told.contains("--policy-file") && told.contains("--name"), "{told}");
}

#[tokio::test]
async fn the_admin_port_is_not_reachable_through_the_public_one() {
    let server = Server::start(&manifest(ALLOW));
    for path in
        ["/status", "/metrics", "/healthz", "/readyz", "/oursocketio/status", "/oursocketio/../status", "//status"]
    {
        let answer = server.send(Request::new("GET", path)).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text().contains("policyGeneration"));
    }
    let answer = server.send(Request::new("GET", "/ready")).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "ready\n"));
    for path in ["/healthz", "/readyz", "/metrics", "/status"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(send(server.admin, request.as_bytes()).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn an_idle_server_ends_at_once() {
    let mut server = Server::start_with(&manifest(ALLOW), &["--drain", "60s"]);
    let start = Instant::now();
    server.signal("INT");
    eventually("it ends", async || server.has_ended()).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test]
async fn connections_are_moved_away_over_the_drain_time() {
    let mut server = Server::start_with(&manifest(ALLOW), &["--detach", "300ms", "--drain", "1s"]);
    let mut sockets = Vec::new();
    for _ in 0..4 {
        sockets.push(websocket(&server, "EIO=4&transport=websocket", APP).await);
    }
    let sid = server.handshake(APP).await;
    server.signal("TERM");
    let start = Instant::now();
    eventually("readiness fails", async || server.send(Request::new("GET", "/ready")).await.status == 503).await;
    assert_eq!(
        server.send(Request::polling("").origin(APP)).await.status,
        200,
        "served while the load balancer looks away"
    );
    let ends = sockets.iter_mut().map(async |socket| {
        loop {
            match timeout(Duration::from_secs(5), socket.next()).await.expect("it closes in time") {
                Some(Ok(Message::Close(Some(frame)))) => {
                    assert_eq!(frame.code, CloseCode::Away);
                    return start.elapsed();
                }
                Some(Ok(_)) => {}
                other => panic!("closed without a word: {other:?}"),
            }
        }
    });
    let mut ends = futures::future::join_all(ends).await;
    ends.sort();
    assert!(ends[0] >= Duration::from_millis(250), "nobody is moved before: {ends:?}");
    assert!(ends[3] - ends[0] >= Duration::from_millis(300), "one after the other: {ends:?}");
    drop(sockets);
    eventually("it ends", async || server.has_ended()).await;
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert!(server.log().contains("left=0"), "session {sid} too: {}", server.log());
}

#[tokio::test]
async fn a_second_signal_hurries() {
    let mut server = Server::start_with(&manifest(ALLOW), &["--detach", "60s"]);
    let _socket = websocket(&server, "EIO=4&transport=websocket", APP).await;
    server.signal("TERM");
    eventually("readiness fails", async || server.send(Request::new("GET", "/ready")).await.status == 503).await;
    server.signal("TERM");
    eventually("it ends", async || server.has_ended()).await;
}

#[tokio::test]
async fn ten_thousand_foreign_origins_leave_a_small_status() {
    let server = Server::start(&manifest(ALLOW));
    let before = server.resident_kib();
    let long = "x".repeat(4000);
    let floods = (0..20).map(|task: u32| {
        let (server, long) = (&server, &long);
        async move {
            for number in 0..500 {
                let origin = format!("https://{task}-{number}.{long}.com");
                assert_eq!(server.send(Request::polling("").origin(origin)).await.status, 403);
            }
        }
    });
    futures::future::join_all(floods).await;
    for _ in 0..60 {
        server.send(Request::websocket().origin(OTHER)).await;
    }
    let status = server.status().await;
    assert!(status.to_string().len() < 16 * 1024);
    assert_eq!(status["deniedOrigins"].as_array().map(Vec::len), Some(10));
    assert!(server.resident_kib() < before + 20_000, "{} KiB before, {} after", before, server.resident_kib());
}
