//! Polling, and the move from it to a WebSocket.

use engineioxide::{DisconnectReason, TransportType};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Heard, Server, text, websocket};

async fn polling(server: &mut Server) -> String {
    let (status, greeting) = server.requests().get("EIO=4&transport=polling").await;
    assert_eq!((status, greeting.contains(r#""upgrades":["websocket"]"#)), (200, true), "{greeting}");
    greeting.split('"').nth(3).expect("a session id").to_owned()
}

#[tokio::test]
async fn a_poll_brings_all_that_waits_and_waits_itself_where_there_is_nothing() {
    let mut server = Server::new();
    let query = format!("EIO=4&transport=polling&sid={}", polling(&mut server).await);
    let socket = server.connected().await;
    let requests = server.requests();
    socket.emit("1").expect("room");
    socket.emit_binary(&b"\0"[..]).expect("room");
    assert_eq!(requests.get(&query).await, (200, "41\u{1e}bAA==".to_owned()));
    let poll = tokio::spawn({
        let (requests, query) = (requests.clone(), query.clone());
        async move { requests.get(&query).await }
    });
    tokio::task::yield_now().await;
    assert!(!poll.is_finished());
    socket.emit("2").expect("room");
    assert_eq!(poll.await.expect("no panic"), (200, "42".to_owned()));
    assert_eq!(requests.post(&query, "4hello\u{1e}bAA==").await, (200, "ok".to_owned()));
    assert_eq!(server.heard().await, Heard::Text("hello".to_owned()));
    assert_eq!(server.heard().await, Heard::Bytes(bytes::Bytes::from_static(b"\0")));
}

#[tokio::test]
async fn what_is_too_much_for_one_poll_comes_with_the_next() {
    let mut server = Server::new();
    let query = format!("EIO=4&transport=polling&sid={}", polling(&mut server).await);
    let socket = server.connected().await;
    let long = "x".repeat(60_000);
    for n in 0..3 {
        socket.emit(format!("{n}{long}")).expect("room");
    }
    for n in 0..3 {
        assert_eq!(server.requests().get(&query).await.1, format!("4{n}{long}"));
    }
}

#[tokio::test]
async fn who_polls_twice_at_once_is_sent_away() {
    let mut server = Server::new();
    let query = format!("EIO=4&transport=polling&sid={}", polling(&mut server).await);
    server.connected().await;
    let requests = server.requests();
    let (first, second) = tokio::join!(requests.get(&query), requests.get(&query));
    assert_eq!((first, second.0), ((200, "1".to_owned()), 400));
    assert_eq!(server.heard().await, Heard::End(DisconnectReason::MultipleHttpPollingError));
}

#[tokio::test]
async fn a_session_that_says_goodbye_is_over_and_its_poll_is_answered() {
    let mut server = Server::new();
    let query = format!("EIO=4&transport=polling&sid={}", polling(&mut server).await);
    server.connected().await;
    let requests = server.requests();
    let (poll, post) = tokio::join!(requests.get(&query), requests.post(&query, "1"));
    assert_eq!((poll, post), ((200, "6".to_owned()), (200, "ok".to_owned())));
    assert_eq!(server.heard().await, Heard::End(DisconnectReason::TransportClose));
    let unknown = (400, r#"{"code":1,"message":"Session ID unknown"}"#.to_owned());
    assert_eq!(requests.get(&query).await, unknown);
}

#[tokio::test]
async fn a_move_loses_nothing_and_changes_no_order() {
    let mut server = Server::new();
    let sid = polling(&mut server).await;
    let query = format!("EIO=4&transport=polling&sid={sid}");
    let socket = server.connected().await;
    let requests = server.requests();
    let poll = tokio::spawn({
        let (requests, query) = (requests.clone(), query.clone());
        async move { requests.get(&query).await }
    });
    tokio::task::yield_now().await;
    let mut client = websocket(&server, &format!("EIO=4&transport=websocket&sid={sid}")).await;
    assert_eq!(poll.await.expect("no panic"), (200, "6".to_owned()), "the poll makes way");
    socket.emit("1").expect("room");
    assert_eq!(requests.get(&query).await, (200, "6".to_owned()), "what waits is for the WebSocket");
    client.send_text("2probe").await;
    assert_eq!(text(&mut client).await, "3probe");
    assert_eq!(socket.transport_type(), TransportType::Polling);
    socket.emit("2").expect("room");
    client.send_text("5").await;
    assert_eq!((text(&mut client).await, text(&mut client).await), ("41".to_owned(), "42".to_owned()));
    assert_eq!(socket.transport_type(), TransportType::Websocket);
    assert_eq!(requests.get(&query).await.0, 400, "it polls no more");
    client.send_text("4here").await;
    assert_eq!(server.heard().await, Heard::Text("here".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_move_that_is_not_finished_ends_the_session() {
    for last in [Some(Message::text("4no probe")), Some(Message::Close(None)), None] {
        let mut server = Server::new();
        let sid = polling(&mut server).await;
        server.connected().await;
        let mut client = websocket(&server, &format!("EIO=4&transport=websocket&sid={sid}")).await;
        if let Some(last) = last {
            client.send(last).await;
        }
        assert_eq!(server.heard().await, Heard::End(DisconnectReason::TransportError));
    }
}

#[tokio::test]
async fn a_request_for_another_path_is_somebody_elses() {
    let server = Server::new();
    assert_eq!(server.requests().get("EIO=4&transport=grpc").await.0, 400);
    let request = http::Request::get("/engine.iox").body(http_body_util::Full::default()).expect("a request");
    let answer = server.requests().call(request).await;
    assert_eq!(answer, 418);
}
