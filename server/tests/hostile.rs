//! Clients that mean no good cost little and disturb nobody.

mod harness;

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use harness::{APP, Request, Server, eventually, manifest, read, send, websocket};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::tungstenite::Message;

const ALLOW: &str = r#"{allow: ["https://app.domain-b.com"]}"#;

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let server = Server::start(&manifest(ALLOW));
    let mut stream = TcpStream::connect(server.public).await.expect("connected");
    stream.write_all(b"GET /oursocketio/ HTTP/1.1\r\nhost: a\r\n").await.expect("sent");
    let mut rest = Vec::new();
    timeout(Duration::from_secs(15), stream.read_to_end(&mut rest)).await.expect("closed in time").ok();
    eventually("it is not counted", async || server.metrics().await.contains("http_connections 0")).await;
}

#[tokio::test]
async fn a_connection_that_idles_between_requests_is_kept() {
    let server = Server::start(&manifest(ALLOW));
    let mut stream = TcpStream::connect(server.public).await.expect("connected");
    let request = Request::new("GET", "/ready").bytes();
    stream.write_all(&request).await.expect("sent");
    assert_eq!(read(&mut stream).await.status, 200);
    tokio::time::sleep(Duration::from_secs(11)).await;
    stream.write_all(&request).await.expect("sent");
    assert_eq!(read(&mut stream).await.status, 200);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = Server::start(&manifest(ALLOW));
    let answer = server.send(Request::polling("").header("x-large", vec![b'a'; 64 * 1024])).await;
    assert_eq!(answer.status, 431);
}

#[tokio::test]
async fn ten_megabytes_are_refused_on_every_transport_and_not_kept() {
    let server = Server::start(&manifest(ALLOW));
    let before = server.resident_kib();
    let sid = server.handshake(APP).await;
    let answer = server.send(Request::post(&sid, vec![b'a'; 10_000_000]).origin(APP)).await;
    assert_eq!((answer.status, answer.error().0), (413, 3));
    let head = Request::new("POST", &format!("/oursocketio/?EIO=4&transport=polling&sid={sid}"));
    let head = head.origin(APP).header("transfer-encoding", "chunked").bytes();
    let chunks = [b"989680\r\n".as_slice(), &vec![b'a'; 10_000_000], b"\r\n0\r\n\r\n"].concat();
    let answer = send(server.public, &[head, chunks].concat()).await;
    assert_eq!(answer.status, 413);
    let mut socket = websocket(&server, "EIO=4&transport=websocket", APP).await;
    socket.send(Message::text("a".repeat(10_000_000))).await.ok();
    while let Some(Ok(_)) = timeout(Duration::from_secs(5), socket.next()).await.expect("closed in time") {}
    assert!(server.resident_kib() < before + 20_000, "{before} KiB before, {} after", server.resident_kib());
}

#[tokio::test]
async fn half_open_upgrades_end_and_allowed_clients_are_served_meanwhile() {
    let server = Server::start_with(&manifest(ALLOW), &["--ping-interval", "1s", "--ping-timeout", "1s"]);
    let mut half_open = Vec::new();
    for _ in 0..100 {
        let sid = server.handshake(APP).await;
        half_open.push(websocket(&server, &format!("EIO=4&transport=websocket&sid={sid}"), APP).await);
    }
    let mut socket = websocket(&server, "EIO=4&transport=websocket", APP).await;
    socket.send(Message::text("40")).await.expect("sent");
    let answers = socket.filter(|message| {
        let is_answer = matches!(message, Ok(Message::Text(text)) if text.starts_with("40{"));
        std::future::ready(is_answer)
    });
    tokio::pin!(answers);
    let answer = timeout(Duration::from_secs(1), answers.next()).await.expect("served in time");
    assert!(matches!(answer, Some(Ok(_))), "{answer:?}");
    drop(half_open);
    eventually("they are gone", async || server.status().await["connections"].as_u64() <= Some(1)).await;
}
