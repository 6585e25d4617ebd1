//! The file is followed: changes are live within a second, and close only what they have to.

mod harness;

use std::{fs, os::unix::fs::symlink, time::Duration};

use futures::{SinkExt, StreamExt};
use harness::{APP, OTHER, Request, Server, WebSocket, eventually, manifest, manifest_with, websocket};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

const ONE: &str = r#"{allow: ["https://app.domain-b.com"]}"#;
const BOTH: &str = r#"{allow: ["https://app.domain-b.com", "https://other.domain-c.com"]}"#;
const SECOND: Duration = Duration::from_secs(1);

async fn allows(server: &Server, origin: &str) -> bool {
    server.send(Request::preflight().origin(origin)).await.status == 204
}

/// The code and reason with which the server closes.
async fn closed(socket: &mut WebSocket) -> (CloseCode, String) {
    loop {
        match timeout(Duration::from_secs(5), socket.next()).await.expect("it closes in time") {
            Some(Ok(Message::Close(Some(frame)))) => return (frame.code, frame.reason.to_string()),
            Some(Ok(_)) => {}
            other => panic!("closed without a word: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_origin_that_is_added_connects_within_a_second_and_nobody_is_disturbed() {
    let server = Server::start(&manifest(ONE));
    let mut kept = websocket(&server, "EIO=4&transport=websocket", APP).await;
    assert!(!allows(&server, OTHER).await);
    server.apply(&manifest(BOTH));
    let took = eventually("the new origin is allowed", async || allows(&server, OTHER).await).await;
    assert!(took < SECOND, "{took:?}");
    assert!(matches!(kept.next().await, Some(Ok(Message::Text(_)))), "the open packet");
    assert_eq!(server.status().await["connections"], 1);
    let denied = async || server.status().await["deniedOrigins"].as_array().map(Vec::len);
    eventually("what is allowed now is forgotten", async || denied().await == Some(0)).await;
}

#[tokio::test]
async fn an_origin_that_is_removed_loses_its_connections_and_only_those() {
    let server = Server::start(&manifest(BOTH));
    let mut kept = websocket(&server, "EIO=4&transport=websocket", APP).await;
    let kept_sid = server.handshake(APP).await;
    let mut gone = websocket(&server, "EIO=4&transport=websocket", OTHER).await;
    let gone_sid = server.handshake(OTHER).await;
    assert_eq!(server.status().await["connections"], 4);
    server.apply(&manifest(ONE));
    let (code, reason) = timeout(SECOND, closed(&mut gone)).await.expect("within a second");
    assert_eq!((code, reason.as_str()), (CloseCode::Policy, "origin is no longer allowed"));
    eventually("two are left", async || server.status().await["connections"] == 2).await;
    let answer = server.send(Request::polling(&format!("&sid={gone_sid}")).origin(OTHER)).await;
    assert_eq!((answer.status, answer.error().0), (403, 4), "the client hears why when it comes back");
    let answer = server.send(Request::post(&kept_sid, "3").origin(APP)).await;
    assert_eq!(answer.status, 200);
    assert!(matches!(kept.next().await, Some(Ok(Message::Text(_)))));
    assert!(server.metrics().await.contains(r#"sessions_closed_total{cause="policy",transport="polling"} 1"#));
}

#[tokio::test]
async fn report_mode_closes_nobody() {
    let server = Server::start(&manifest(BOTH));
    let _socket = websocket(&server, "EIO=4&transport=websocket", OTHER).await;
    server.apply(&manifest(r#"{allow: ["https://app.domain-b.com"], mode: Report}"#));
    eventually("the mode changed", async || server.status().await["mode"] == "Report").await;
    assert_eq!(server.status().await["connections"], 1);
}

#[tokio::test]
async fn the_swap_of_a_config_map_is_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    for (version, origins) in [("..1", ONE), ("..2", BOTH)] {
        fs::create_dir(folder.path().join(version)).expect("a folder");
        fs::write(folder.path().join(version).join("policy.yaml"), manifest(origins)).expect("a file");
    }
    symlink("..1", folder.path().join("..data")).expect("a link");
    symlink("..data/policy.yaml", folder.path().join("policy.yaml")).expect("a link");
    let (file, root) = (folder.path().join("policy.yaml"), folder.path().to_owned());
    let server = Server::start_in(folder, file, &[]);
    assert!(!allows(&server, OTHER).await);
    symlink("..2", root.join("..data_tmp")).expect("a link");
    fs::rename(root.join("..data_tmp"), root.join("..data")).expect("renamed");
    let took = eventually("the new origin is allowed", async || allows(&server, OTHER).await).await;
    assert!(took < SECOND, "{took:?}");
}

#[tokio::test]
async fn a_file_that_becomes_invalid_leaves_the_last_policy_in_force_and_says_so() {
    let server = Server::start(&manifest(ONE));
    server.apply(&manifest(r#"{allow: ["https://app.domain-b.com/", "*"]}"#));
    eventually("problems are shown", async || {
        server.status().await["policyProblems"].as_array().is_some_and(|problems| !problems.is_empty())
    })
    .await;
    assert!(allows(&server, APP).await);
    fs::remove_file(&server.file).expect("removed");
    eventually("the missing file is shown", async || {
        server.status().await["policyProblems"].to_string().contains("cannot be read")
    })
    .await;
    assert!(allows(&server, APP).await);
    server.apply(&manifest(BOTH));
    eventually("it heals", async || allows(&server, OTHER).await).await;
    assert_eq!(server.status().await["policyProblems"].as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn what_needs_a_restart_is_said_and_not_done() {
    let server = Server::start(&manifest(ONE));
    assert_eq!(server.status().await["needsRestart"], false);
    server.apply(&manifest_with(BOTH, "  transports: [polling]\n"));
    eventually("it is said", async || server.status().await["needsRestart"] == true).await;
    assert_eq!(server.send(Request::websocket().origin(APP)).await.status, 101);
    assert!(server.log().contains("take effect at a restart"));
}

#[tokio::test]
async fn an_upgrade_that_came_from_another_origin_is_closed_with_that_origin() {
    let server = Server::start(&manifest(BOTH));
    let sid = server.handshake(APP).await;
    let mut socket = websocket(&server, &format!("EIO=4&transport=websocket&sid={sid}"), OTHER).await;
    socket.send(Message::text("2probe")).await.expect("sent");
    assert_eq!(socket.next().await.expect("open").expect("a message"), Message::text("3probe"));
    socket.send(Message::text("5")).await.expect("sent");
    server.apply(&manifest(ONE));
    let (code, _) = timeout(SECOND * 2, closed(&mut socket)).await.expect("closed in time");
    assert_eq!(code, CloseCode::Policy);
}
