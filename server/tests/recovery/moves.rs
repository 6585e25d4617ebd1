//! Clients that the server moves away before a load balancer would cut them.

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::Duration;

use crate::{
    ORIGINS,
    client::{Client, Kind, RECOVERING, WEBSOCKET},
    harness::{Server, manifest_with},
    raw::Raw,
};

/// Two moves while a publisher goes on.
async fn is_moved_twice(server: &Server, kind: Kind, transports: &[&str]) -> Client {
    let mut client = Client::start(kind, server.public, transports).await;
    let first = client.join("lobby").await;
    for _ in 0..2 {
        let session = client.next("session").await;
        assert_eq!((&session["id"], &session["recovered"]), (&first["id"], &json!(true)), "{kind:?} {transports:?}");
    }
    client
}

#[tokio::test]
#[ignore = "200 real clients for two minutes: make test-long"]
async fn a_client_that_is_moved_misses_nothing() {
    let server = Server::start(&manifest_with(
        ORIGINS,
        "  timeouts: {maxConnectionAge: 10s, pingInterval: 2s, pingTimeout: 2s}\n",
    ));
    let cases = RECOVERING.iter().map(|kind| (*kind, WEBSOCKET));
    let moving = join_all(cases.map(|(kind, transports)| is_moved_twice(&server, kind, transports)));
    // The publisher is moved too, and says so by failing: each of these is short enough.
    let publish = async {
        let mut next = 0_usize;
        loop {
            let mut raw = Raw::open(&server, None, json!({"recovery": false})).await;
            for _ in 0..100 {
                raw.ask("publish", json!({"room": "lobby", "data": next})).await;
                next += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    };
    let mut clients = tokio::select! {
        clients = moving => clients,
        () = publish => unreachable!("it goes on"),
    };
    for client in &mut clients {
        // What is on its way arrives before the answer.
        client.ask("echo", json!({})).await;
        let numbers: Vec<_> = client.messages(0).await.iter().filter_map(Value::as_u64).collect();
        assert!(numbers.len() > 300, "{}", numbers.len());
        let first = numbers[0];
        assert!(numbers.iter().enumerate().all(|(place, number)| *number == first + place as u64), "{numbers:?}");
        assert_eq!(client.count("gap"), 0);
    }
}
