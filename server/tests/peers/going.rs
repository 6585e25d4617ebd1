//! A replica that goes takes no session of another one with it.

use crate::{
    harness::{
        APP, PATH, Request, eventually,
        frames::{Frame, Frames},
    },
    hosts, replica, replica_with,
};

#[tokio::test]
async fn a_websocket_that_leads_through_a_replica_that_goes_is_moved_like_any_other() {
    let hosts = hosts::<2>();
    let a = replica(&hosts[0], &hosts);
    let mut b = replica_with(&hosts[1], &hosts, &["--drain", "2s"]);
    let sid = a.handshake(APP).await;
    assert_eq!(b.send(Request::post(&sid, "40").origin(APP)).await.status, 200);
    assert_eq!(b.send(Request::polling(&format!("&sid={sid}")).origin(APP)).await.status, 200);
    let mut frames = Frames::of(&b, &format!("{PATH}/?EIO=4&transport=websocket&sid={sid}")).await;
    frames.text("2probe").await;
    frames.until("the probe's answer", |text| text == "3probe").await;
    frames.text("5").await;
    frames.text(r#"421["echo",1]"#).await;
    frames.until("an acknowledgement", |text| text == "431[1]").await;
    b.signal("TERM");
    assert_eq!(frames.closed().await, (1001, "server is shutting down, connect again".to_owned()));
    frames.close(1001).await;
    assert_eq!(frames.next().await, Frame::End);
    eventually("it ends", async || b.has_ended()).await;
    eventually("the session is over", async || a.status().await["connections"] == 0).await;
    let metrics = a.metrics().await;
    assert!(metrics.contains(r#"moves_total{cause="drain",outcome="quiet"} 1"#), "{metrics}");
}

#[tokio::test]
async fn a_poll_that_waits_at_another_replica_is_answered_before_this_one_ends() {
    let hosts = hosts::<2>();
    let a = replica(&hosts[0], &hosts);
    let mut b = replica_with(&hosts[1], &hosts, &["--drain", "20s"]);
    let sid = a.handshake(APP).await;
    assert_eq!(a.send(Request::post(&sid, "40").origin(APP)).await.status, 200);
    let poll = || Request::polling(&format!("&sid={sid}")).origin(APP);
    let text = b.send(poll()).await.text();
    assert!(text.starts_with("40{"), "{text}");
    let (address, request) = (b.public, poll().bytes());
    let waiting = tokio::spawn(async move { crate::harness::send(address, &request).await });
    eventually("it waits", async || b.metrics().await.contains("realtime_server_http_connections 1")).await;
    b.signal("TERM");
    let message = Request::post(&sid, r#"421["echo",1]"#).origin(APP);
    assert_eq!(a.send(message).await.status, 200);
    let answer = waiting.await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "431[1]"));
    eventually("it ends", async || b.has_ended()).await;
    assert_eq!(a.status().await["connections"], 1, "the session stays");
}
