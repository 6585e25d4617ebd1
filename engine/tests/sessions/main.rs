//! Sessions, from outside: requests and WebSockets as a client has them.

mod beats;
mod moves;
mod support;

use std::collections::VecDeque;

use bytes::Bytes;
use engineioxide::DisconnectReason;
use support::{Heard, Server, text, websocket};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn messages_go_both_ways_in_order() {
    let mut server = Server::new();
    let mut client = websocket(&server, "EIO=4&transport=websocket").await;
    assert!(text(&mut client).await.starts_with(r#"0{"sid":""#));
    let socket = server.connected().await;
    for n in 0..100 {
        client.send_text(&format!("4{n}")).await;
        assert_eq!(server.heard().await, Heard::Text(n.to_string()));
        socket.emit(n.to_string()).expect("room");
    }
    for n in 0..100 {
        assert_eq!(text(&mut client).await, format!("4{n}"));
    }
}

#[tokio::test]
async fn nothing_comes_between_a_message_and_its_attachments() {
    for (version, first) in [(3, &b"\x04"[..]), (4, b"")] {
        let mut server = Server::new();
        let mut client = websocket(&server, &format!("EIO={version}&transport=websocket")).await;
        text(&mut client).await;
        let socket = server.connected().await;
        let attachments = || VecDeque::from([Bytes::from_static(b"a"), Bytes::from_static(b"b")]);
        socket.reserve().expect("room").emit_many("1".into(), attachments());
        socket.emit_volatile("2");
        socket.emit("3").expect("room");
        assert_eq!(text(&mut client).await, "41");
        for attachment in [b"a", b"b"] {
            assert_eq!(client.frame().await, Message::binary([first, attachment].concat()));
        }
        assert_eq!(text(&mut client).await, "43");
        assert_eq!(text(&mut client).await, "42", "what may be lost goes last");
    }
}

#[tokio::test]
async fn what_waits_goes_out_before_the_end_and_the_handler_hears_of_it_afterwards() {
    let mut server = Server::new();
    let mut client = websocket(&server, "EIO=4&transport=websocket").await;
    text(&mut client).await;
    let socket = server.connected().await;
    socket.emit("last").expect("room");
    socket.close(DisconnectReason::ClosingServer);
    assert!(socket.is_closed());
    assert!(socket.emit("late").is_err());
    assert_eq!(text(&mut client).await, "4last");
    assert_eq!(text(&mut client).await, "1");
    assert!(matches!(client.frame().await, Message::Close(_)));
    assert_eq!(server.heard().await, Heard::End(DisconnectReason::ClosingServer));
    socket.closed().await;
}

#[tokio::test]
async fn each_way_to_end_has_its_reason() {
    for (last, reason) in [
        (Message::text("1"), DisconnectReason::TransportClose),
        (Message::Close(None), DisconnectReason::TransportClose),
        (Message::text("9"), DisconnectReason::PacketParsingError),
        (Message::text(""), DisconnectReason::PacketParsingError),
        (Message::text("0{}"), DisconnectReason::PacketParsingError),
    ] {
        let mut server = Server::new();
        let mut client = websocket(&server, "EIO=4&transport=websocket").await;
        text(&mut client).await;
        server.connected().await;
        client.send(last.clone()).await;
        assert_eq!(server.heard().await, Heard::End(reason), "{last:?}");
    }
    let mut server = Server::new();
    let client = websocket(&server, "EIO=4&transport=websocket").await;
    server.connected().await;
    drop(client);
    assert_eq!(server.heard().await, Heard::End(DisconnectReason::TransportError));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_still_heard_and_holds_up_what_is_sent() {
    let mut server = Server::new();
    let mut client = websocket(&server, "EIO=4&transport=websocket").await;
    text(&mut client).await;
    let socket = server.connected().await;
    let long = "x".repeat(64 * 1024);
    let mut sent = 0;
    while socket.emit(long.clone()).is_ok() {
        sent += 1;
        tokio::task::yield_now().await;
    }
    client.send_text("4still here").await;
    assert_eq!(server.heard().await, Heard::Text("still here".to_owned()));
    for _ in 0..sent {
        assert_eq!(text(&mut client).await.len(), long.len() + 1);
    }
    socket.emit("there is room again").expect("room");
    assert_eq!(text(&mut client).await, "4there is room again");
}
