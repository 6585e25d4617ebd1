//! Engine.IO's error codes as the Node.js server gives them, with words for people.

mod harness;

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use harness::{APP, PATH, Request, Server, eventually, manifest, manifest_with, websocket};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_tungstenite::tungstenite::Message;

const ALLOW: &str = r#"{allow: ["https://app.domain-b.com"]}"#;

async fn error(server: &Server, request: Request) -> (u16, u64, String) {
    let answer = server.send(request.origin(APP)).await;
    let (code, message) = answer.error();
    (answer.status, code, message)
}

#[tokio::test]
async fn every_mistake_has_its_code_and_says_what_to_do() {
    let server = Server::start(&manifest(ALLOW));
    let get = |query: &str| Request::new("GET", &format!("{PATH}/?{query}"));
    let unknown = "AAAAAAAAAAAAAAHs";
    for (request, code, words) in [
        (get("EIO=4&transport=grpc"), 0, "Transport unknown: grpc is not allowed here, websocket and polling is"),
        (get(""), 0, "Transport unknown"),
        (get(&format!("EIO=4&transport=polling&sid={unknown}")), 1, "Session ID unknown"),
        (Request::post(unknown, "40"), 1, "Session ID unknown"),
        (Request::upgrade(&format!("EIO=4&transport=websocket&sid={unknown}")), 1, "another replica"),
        (Request::post("", "40"), 1, "Session ID unknown"),
        (Request::new("POST", &format!("{PATH}/?EIO=4&transport=polling")), 2, "Bad handshake method"),
        (get("EIO=4&transport=websocket"), 3, "a proxy or load balancer"),
        (Request::upgrade(""), 3, "plain WebSocket"),
        (Request::upgrade("EIO=4&transport=polling"), 3, "transport=polling"),
        (get("EIO=4&transport=polling&j=0"), 3, "JSONP"),
        (get("EIO=2&transport=polling"), 5, "Unsupported protocol version: EIO=2"),
        (get("transport=polling"), 5, "EIO is missing"),
    ] {
        let (status, found, message) = error(&server, request).await;
        assert_eq!((status, found), (400, code), "{message}");
        assert!(message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn a_transport_that_is_switched_off_is_neither_served_nor_offered() {
    let server = Server::start(&manifest_with(ALLOW, "  transports: [polling]\n"));
    let (_, code, message) = error(&server, Request::websocket()).await;
    assert_eq!((code, message.contains("polling is")), (0, true), "{message}");
    assert!(server.send(Request::polling("").origin(APP)).await.text().contains(r#""upgrades":[]"#));
    let server = Server::start(&manifest_with(ALLOW, "  transports: [websocket]\n"));
    assert_eq!(error(&server, Request::polling("")).await.1, 0);
    assert_eq!(server.send(Request::websocket().origin(APP)).await.status, 101);
}

#[tokio::test]
async fn both_versions_of_the_protocol_are_spoken() {
    let server = Server::start(&manifest(ALLOW));
    for (version, prefix) in [(3, "0{"), (4, "0{")] {
        let mut socket = websocket(&server, &format!("EIO={version}&transport=websocket"), APP).await;
        let open = socket.next().await.expect("a packet").expect("a frame").into_text().expect("text");
        assert!(open.starts_with(prefix), "{open}");
        assert!(open.contains(r#""maxPayload":1000000"#), "{open}");
    }
    let request = Request::new("GET", &format!("{PATH}/?EIO=3&transport=polling")).origin(APP);
    let v3 = server.send(request).await.text();
    let (length, packet) = v3.split_once(':').expect("EIO 3 has lengths");
    assert_eq!(length.parse::<usize>().expect("a number"), packet.len());
}

#[tokio::test]
async fn a_session_moves_from_polling_to_a_websocket_once() {
    let server = Server::start(&manifest(ALLOW));
    let sid = server.handshake(APP).await;
    let query = format!("EIO=4&transport=websocket&sid={sid}");
    let mut socket = websocket(&server, &query, APP).await;
    socket.send(Message::text("2probe")).await.expect("sent");
    assert_eq!(socket.next().await.expect("a packet").expect("a frame"), Message::text("3probe"));
    socket.send(Message::text("5")).await.expect("sent");
    let (status, code, message) = error(&server, Request::upgrade(&query)).await;
    assert_eq!((status, code), (400, 3), "{message}");
    assert_eq!(server.status().await["connections"], 1);
    eventually("polling is over", async || error_code(&server, &sid).await == 3).await;
    socket.close(None).await.expect("closed");
    eventually("the session is gone", async || server.status().await["connections"] == 0).await;
}

async fn error_code(server: &Server, sid: &str) -> u64 {
    let answer = server.send(Request::post(sid, "3").origin(APP)).await;
    if answer.status == 200 { 200 } else { answer.error().0 }
}

#[tokio::test]
async fn an_upgrade_that_ends_half_way_ends_its_session() {
    let server = Server::start(&manifest(ALLOW));
    let sid = server.handshake(APP).await;
    let socket = websocket(&server, &format!("EIO=4&transport=websocket&sid={sid}"), APP).await;
    drop(socket);
    eventually("the session is gone", async || error_code(&server, &sid).await == 1).await;
    eventually("it is not counted", async || server.status().await["connections"] == 0).await;
}

#[tokio::test]
async fn a_session_that_its_client_closes_before_it_connects_is_counted_no_more() {
    let server = Server::start(&manifest(ALLOW));
    let sid = server.handshake(APP).await;
    assert_eq!(server.status().await["connections"], 1);
    assert_eq!(server.send(Request::post(&sid, "1").origin(APP)).await.status, 200);
    assert_eq!(error_code(&server, &sid).await, 1);
    assert_eq!(server.status().await["connections"], 0);
}

#[tokio::test]
async fn a_client_that_hangs_up_while_it_polls_is_gone() {
    let server = Server::start(&manifest(ALLOW));
    let sid = server.handshake(APP).await;
    let mut stream = TcpStream::connect(server.public).await.expect("connected");
    stream.write_all(&Request::polling(&format!("&sid={sid}")).origin(APP).bytes()).await.expect("sent");
    let served = r#"{door="polling",verdict="allowed",reason=""} 2"#;
    eventually("the poll waits", async || server.metrics().await.contains(served)).await;
    drop(stream);
    eventually("the session is gone", async || server.status().await["connections"] == 0).await;
}

#[tokio::test]
async fn a_websocket_without_its_headers_is_told_so() {
    let server = Server::start(&manifest(ALLOW));
    let target = format!("{PATH}/?EIO=4&transport=websocket");
    let upgrade = || Request::new("GET", &target).header("connection", "Upgrade").header("upgrade", "websocket");
    let (status, _, message) = error(&server, upgrade()).await;
    assert_eq!(status, 426, "{message}");
    let (status, _, message) = error(&server, upgrade().header("sec-websocket-version", "13")).await;
    assert_eq!((status, message.contains("Sec-WebSocket-Key")), (400, true), "{message}");
}

#[tokio::test]
async fn sockets_join_publish_and_hear_each_other() {
    let server = Server::start(&manifest(ALLOW));
    let mut socket = websocket(&server, "EIO=4&transport=websocket", APP).await;
    socket.send(Message::text("40")).await.expect("sent");
    // As in Node.js, events before the answer to CONNECT end the connection; clients keep them back until then.
    while !socket.next().await.expect("a packet").expect("a frame").to_text().expect("text").starts_with("40") {}
    socket.send(Message::text(r#"420["join",{"room":"lobby"}]"#)).await.expect("sent");
    socket.send(Message::text(r#"421["publish",{"room":"lobby","data":[1,"two"]}]"#)).await.expect("sent");
    socket.send(Message::text(r#"422["publish",{"room":"lobby","event":"disconnect","data":1}]"#)).await.expect("sent");
    socket.send(Message::text(r#"423["echo",1,{"a":null}]"#)).await.expect("sent");
    let mut expected = vec![
        r#"430[{"members":1,"room":"lobby"}]"#,
        r#"42["message",{"room":"lobby","#,
        r#"431[{"delivered":1}]"#,
        r#"432[{"error":"event: \"disconnect\" is reserved"#,
        r#"433[1,{"a":null}]"#,
        r#"42["presence",{"members":1,"room":"lobby"}]"#,
    ];
    while !expected.is_empty() {
        let message = timeout(Duration::from_secs(5), socket.next()).await;
        let message =
            message.unwrap_or_else(|_| panic!("never came: {expected:?}")).expect("a packet").expect("a frame");
        let text = message.into_text().expect("text").to_string();
        expected.retain(|start| !text.starts_with(start));
    }
}
