//! Real clients behind a load balancer that cuts every connection at an age, as Google's does.

mod harness;

use std::{net::SocketAddr, time::Duration};

use harness::{Server, crowd::Crowd, manifest};
use serde_json::Value;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::timeout,
};

const ALLOW: &str = r#"{allow: ["https://app.domain-b.com"]}"#;
const CUT: Duration = Duration::from_secs(10);

/// A load balancer in front of a server: each connection ends after so long, without a word.
async fn balancer(target: SocketAddr, cut: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                client.set_nodelay(true).ok();
                let Ok(mut server) = TcpStream::connect(target).await else { return };
                server.set_nodelay(true).ok();
                timeout(cut, copy_bidirectional(&mut client, &mut server)).await.ok();
            });
        }
    });
    address
}

fn numbers(list: &Value) -> Vec<u64> {
    list.as_array().expect("a list").iter().filter_map(Value::as_u64).collect()
}

#[tokio::test]
#[ignore = "200 real clients for two minutes: make test-long"]
async fn two_hundred_clients_are_moved_before_the_cut_and_lose_nothing() {
    let server = Server::start_with(&manifest(ALLOW), &["--max-connection-age", "10s"]);
    let address = balancer(server.public, CUT).await;
    let account = Crowd::start(address, &["--count", "200", "--every", "500"]).await.after(40).await;
    let closes = account["closes"].as_object().expect("counts");
    assert!(closes.keys().all(|code| code == "1001"), "only 1001: {account}");
    for what in ["lost", "duplicated", "disordered", "unconfirmed", "errors"] {
        assert_eq!(account[what], 0, "{what}: {account}");
    }
    let returns = numbers(&account["returns"]);
    let (sum, most) = (returns.iter().sum::<u64>(), returns.iter().max().copied().unwrap_or(0));
    assert!(sum >= 3 * 200, "every client was moved some times: {account}");
    let mean = sum as f64 / returns.len() as f64;
    assert!((most as f64) <= 2.0 * mean, "{most} in one second, {mean:.1} on average: {returns:?}");
    let metrics = server.metrics().await;
    assert!(!metrics.contains(r#"cause="abnormal""#), "{metrics}");
}

#[tokio::test]
async fn without_rotation_the_same_cut_is_a_1006_for_everyone() {
    let server = Server::start_with(&manifest(ALLOW), &["--max-connection-age", "1h"]);
    let address = balancer(server.public, CUT).await;
    let account = Crowd::start(address, &["--count", "50", "--every", "500"]).await.after(14).await;
    assert!(account["closes"]["1006"].as_u64() >= Some(50), "{account}");
    assert!(server.metrics().await.contains(r#"sessions_closed_total{cause="abnormal",transport="websocket"}"#));
}

#[tokio::test]
#[ignore = "200 real clients for two minutes: make test-long"]
async fn clients_of_every_version_survive_a_rotation() {
    let server = Server::start_with(&manifest(ALLOW), &["--max-connection-age", "10s"]);
    let address = balancer(server.public, CUT).await;
    let options = |version| ["--client", version, "--prefix", version, "--count", "10", "--every", "200"];
    let (two, three) = (options("2"), options("3"));
    let (two, three) = tokio::join!(Crowd::start(address, &two), Crowd::start(address, &three));
    let (two, three) = tokio::join!(two.after(15), three.after(15));
    for account in [two, three] {
        let closes = account["closes"].as_object().expect("counts");
        assert!(
            closes.keys().all(|code| code == "1001") && account["closes"]["1001"].as_u64() >= Some(10),
            "{account}"
        );
        // What others published while they were away they have only with a client that recovers.
        for what in ["duplicated", "disordered", "unconfirmed", "errors"] {
            assert_eq!(account[what], 0, "{what}: {account}");
        }
    }
}
