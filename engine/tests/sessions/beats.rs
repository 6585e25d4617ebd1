//! The beat, on either transport.

use engineioxide::DisconnectReason;
use tokio::time::Instant;

use crate::support::{Heard, INTERVAL, Server, TIMEOUT, text, websocket};

#[tokio::test(start_paused = true)]
async fn a_websocket_is_pinged_one_interval_after_it_began_and_one_after_each_ping() {
    let mut server = Server::new();
    let began = Instant::now();
    let mut client = websocket(&server, "EIO=4&transport=websocket").await;
    text(&mut client).await;
    server.connected().await;
    for n in 1..=5 {
        assert_eq!(text(&mut client).await, "2");
        assert_eq!(began.elapsed().as_secs(), (INTERVAL * n).as_secs());
        client.send_text("3").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_that_does_not_answer_its_ping_in_time_ends() {
    let mut server = Server::new();
    let began = Instant::now();
    let mut client = websocket(&server, "EIO=4&transport=websocket").await;
    text(&mut client).await;
    server.connected().await;
    // An answer to nothing changes nothing.
    client.send_text("3").await;
    assert_eq!(text(&mut client).await, "2");
    assert_eq!(server.heard().await, Heard::End(DisconnectReason::HeartbeatTimeout));
    assert_eq!(began.elapsed().as_secs(), (INTERVAL + TIMEOUT).as_secs());
}

#[tokio::test(start_paused = true)]
async fn in_version_3_the_client_pings() {
    let mut server = Server::new();
    let mut client = websocket(&server, "EIO=3&transport=websocket").await;
    text(&mut client).await;
    server.connected().await;
    for _ in 0..3 {
        tokio::time::sleep(INTERVAL).await;
        client.send_text("2").await;
        assert_eq!(text(&mut client).await, "3");
    }
    let last = Instant::now();
    assert_eq!(server.heard().await, Heard::End(DisconnectReason::HeartbeatTimeout));
    assert_eq!(last.elapsed().as_secs(), (INTERVAL + TIMEOUT).as_secs());
}

#[tokio::test(start_paused = true)]
async fn who_polls_is_pinged_too_and_ends_without_an_answer() {
    let mut server = Server::new();
    let requests = server.requests();
    let began = Instant::now();
    requests.get("EIO=4&transport=polling").await;
    let sid = server.connected().await.id;
    let query = format!("EIO=4&transport=polling&sid={sid}");
    for n in 1..=3 {
        assert_eq!(requests.get(&query).await, (200, "2".to_owned()));
        assert!(began.elapsed() >= INTERVAL * n, "not before its time");
        assert_eq!(requests.post(&query, "3").await, (200, "ok".to_owned()));
    }
    assert_eq!(requests.get(&query).await, (200, "2".to_owned()));
    let pinged = Instant::now();
    assert_eq!(server.heard().await, Heard::End(DisconnectReason::HeartbeatTimeout));
    assert_eq!(pinged.elapsed().as_secs(), TIMEOUT.as_secs());
    assert_eq!(requests.get(&query).await.0, 400);
}

#[tokio::test(start_paused = true)]
async fn who_polls_in_version_3_pings() {
    let mut server = Server::new();
    let requests = server.requests();
    requests.get("EIO=3&transport=polling").await;
    let sid = server.connected().await.id;
    let query = format!("EIO=3&transport=polling&sid={sid}");
    for _ in 0..3 {
        tokio::time::sleep(INTERVAL).await;
        assert_eq!(requests.post(&query, "1:2").await.0, 200);
        assert_eq!(requests.get(&query).await, (200, "1:3".to_owned()));
    }
    assert_eq!(server.heard().await, Heard::End(DisconnectReason::HeartbeatTimeout));
}
