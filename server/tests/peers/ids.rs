//! Which request goes where, byte by byte.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::timeout;

use crate::{
    PEER_PORT,
    harness::{APP, OTHER, PATH, Request, Server, eventually, frames::Frames, manifest, send},
    hosts, replica, replica_with, replicas,
};

fn poll(sid: &str) -> Request {
    Request::polling(&format!("&sid={sid}")).origin(APP)
}

async fn connected(server: &Server) -> String {
    let sid = server.handshake(APP).await;
    let answer = server.send(Request::post(&sid, "40").origin(APP)).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    sid
}

#[tokio::test]
async fn a_session_is_polled_posted_to_and_upgraded_at_any_replica() {
    let [a, b, c] = replicas();
    let sid = a.handshake(APP).await;
    assert_eq!(sid.len(), 28, "{sid}");
    let posted = b.send(Request::post(&sid, "40").origin(APP)).await;
    assert_eq!((posted.status, posted.text().as_str()), (200, "ok"));
    let polled = c.send(poll(&sid)).await;
    assert_eq!(polled.status, 200);
    assert!(polled.text().contains("40{\"sid\":"), "{}", polled.text());
    assert_eq!(polled.header("access-control-allow-origin"), Some(APP));
    assert_eq!(polled.headers.iter().filter(|(name, _)| name == "vary").count(), 1, "{polled:?}");
    let mut frames = Frames::of(&b, &format!("{PATH}/?EIO=4&transport=websocket&sid={sid}")).await;
    frames.text("2probe").await;
    frames.until("the probe's answer", |text| text == "3probe").await;
    frames.text("5").await;
    frames.text(r#"421["echo","far"]"#).await;
    frames.until("an acknowledgement", |text| text == r#"431["far"]"#).await;
    assert_eq!(
        (a.status().await["connections"].clone(), b.status().await["connections"].clone()),
        (json!(1), json!(0))
    );
    assert!(b.metrics().await.contains("realtime_server_forwarded_websockets 1"));
    drop(frames);
    eventually("the session ends with its client", async || a.status().await["connections"] == 0).await;
    eventually("and the way to it", async || b.metrics().await.contains("realtime_server_forwarded_websockets 0"))
        .await;
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_middle_of_a_poll_is_gone_at_once_as_it_is_without_a_detour() {
    let [a, b] = replicas();
    let sid = connected(&a).await;
    assert_eq!(b.send(poll(&sid)).await.status, 200, "the answer to CONNECT");
    // What the server says of itself may come with that answer or after it.
    while timeout(Duration::from_millis(300), send(b.public, &poll(&sid).bytes())).await.is_ok() {}
    eventually("the session ends", async || a.status().await["connections"] == 0).await;
}

#[tokio::test]
async fn the_gate_of_the_first_replica_decides_and_a_foreign_page_goes_no_further() {
    let [a, b] = replicas();
    let sid = connected(&a).await;
    let refused = b.send(Request::polling(&format!("&sid={sid}")).origin(OTHER)).await;
    assert_eq!((refused.status, refused.error().0), (403, 4));
    let metrics = b.metrics().await;
    assert!(!metrics.contains("forwarded_total{"), "{metrics}");
    let status = a.status().await;
    assert_eq!(status["deniedOrigins"], json!([]), "the other replica heard nothing of it");
}

#[tokio::test]
async fn one_request_is_one_verdict_over_all_replicas() {
    let [a, b] = replicas();
    let sid = connected(&a).await;
    assert_eq!(b.send(poll(&sid)).await.status, 200);
    let allowed = r#"origin_decisions_total{door="polling",verdict="allowed",reason=""}"#;
    let count = async |server: &Server| {
        let metrics = server.metrics().await;
        let line = metrics.lines().find(|line| line.contains(allowed)).unwrap_or("0").to_owned();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!((count(&a).await, count(&b).await), (2, 1));
}

#[tokio::test]
async fn an_id_that_nobody_here_wrote_is_unknown_at_once_and_goes_nowhere() {
    let [a, b] = replicas();
    let sid = connected(&a).await;
    let forged = format!("{}{}", &sid[..20], "AAAAAAAA");
    for text in [forged.as_str(), &sid[..16], "AAAAAAAAAAAAAAHs", &sid[..27], "x"] {
        let answer = b.send(poll(text)).await;
        assert_eq!((answer.status, answer.error().0), (400, 1), "{text}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
    }
    assert!(!b.metrics().await.contains("forwarded_total{"));
}

#[tokio::test]
async fn what_came_from_a_replica_is_never_sent_on() {
    let hosts = hosts::<2>();
    let a = replica(&hosts[0], &hosts);
    let _b = replica(&hosts[1], &hosts);
    let sid = connected(&a).await;
    // The whole id at the port for replicas, where nobody reads names.
    let inside = format!("{}:{PEER_PORT}", hosts[1]).parse().unwrap();
    let answer = send(inside, &poll(&sid).bytes()).await;
    assert_eq!((answer.status, answer.error().0), (400, 1));
}

#[tokio::test]
async fn a_replica_that_is_gone_has_no_sessions_any_more_and_its_clients_hear_so_in_words_that_they_know() {
    let hosts = hosts::<3>();
    let [a, b] = [0, 1].map(|index| replica(&hosts[index], &hosts[..2]));
    let (of_a, began) = (connected(&a).await, Instant::now());
    drop(a);
    for request in [poll(&of_a), Request::post(&of_a, "2").origin(APP)] {
        let answer = b.send(request).await;
        assert_eq!((answer.status, answer.error().0), (400, 1));
        assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
    }
    let upgrade = Request::upgrade(&format!("EIO=4&transport=websocket&sid={of_a}")).origin(APP);
    let answer = b.send(upgrade).await;
    assert_eq!((answer.status, answer.error().0), (400, 1));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    // One that is not among the service's addresses, though it knows the secret.
    let stranger = replica(&hosts[2], &hosts);
    let of_stranger = connected(&stranger).await;
    let answer = b.send(poll(&of_stranger)).await;
    assert_eq!((answer.status, answer.error().0), (400, 1));
    assert!(!stranger.metrics().await.contains("forwarded_total{"));
    assert_eq!(stranger.status().await["connections"], 1, "nobody asked it");
}

#[tokio::test]
async fn a_service_of_another_secret_is_another_service() {
    let hosts = hosts::<2>();
    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let (old, new) =
        (secret("old", "a secret of the team\n"), secret("new", "a secret of tomorrow\na secret of the team\n"));
    let a = replica_with(&hosts[0], &hosts, &["--peer-key-file", &old]);
    let b = replica_with(&hosts[1], &hosts, &["--peer-key-file", &new]);
    let sid = connected(&a).await;
    assert_eq!(b.send(poll(&sid)).await.status, 200, "both secrets are known while one is replaced");
    let other = replica(&crate::hosts::<1>()[0], &hosts);
    assert_eq!(other.send(poll(&sid)).await.error().0, 1);
}

#[tokio::test]
async fn a_body_is_bounded_at_any_replica() {
    let [a, b] = replicas();
    let sid = connected(&a).await;
    let answer = b.send(Request::post(&sid, vec![b'4'; 1_000_001]).origin(APP)).await;
    assert_eq!((answer.status, answer.error().0), (413, 3));
}

#[tokio::test]
async fn a_replica_that_everybody_could_be_is_told_that_it_needs_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chat.yaml");
    std::fs::write(&file, manifest(crate::ORIGINS)).unwrap();
    let output = crate::harness::command(&file).args(["--peer-listen", "0.0.0.0:0"]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--peer-address"));
}
