//! Endpoints that leave.

use std::time::{Duration, Instant};

use anyhow::Result;
use local_balancer::Options;
use serde_json::json;

use crate::{
    backend::Backend,
    client::{self, Cut, Socket, who},
    stage::Stage,
};

async fn two() -> Result<[Backend; 2]> {
    Ok([Backend::start("a").await?, Backend::start("b").await?])
}

/// WebSockets to both servers.
async fn one_to_each(stage: &Stage, host: &str) -> Result<[Socket; 2]> {
    let first = Socket::open(stage.balancer.http(), host).await?;
    let second = Socket::open(stage.balancer.http(), host).await?;
    Ok(if first.name == "a" { [first, second] } else { [second, first] })
}

fn draining(seconds: u64) -> serde_json::Value {
    json!({"timeoutSec": 600, "connectionDraining": {"drainingTimeoutSec": seconds}})
}

#[tokio::test]
async fn a_draining_connection_lives_until_its_deadline() -> Result<()> {
    const DRAIN: Duration = Duration::from_secs(3);
    let (stage, [a, b]) = (Stage::new().await?, two().await?);
    let host = stage.host("chat");
    stage.serve(&host, draining(DRAIN.as_secs()), &[&a, &b]).await?;
    let [mut to_a, mut to_b] = one_to_each(&stage, &host).await?;

    let began = Instant::now();
    stage.terminating("chat", &a).await?;
    assert_eq!(to_a.talk_until_cut(Duration::from_millis(100)).await, Cut::Abnormal);
    let after = began.elapsed();
    eprintln!("cut after {after:?}");
    assert!(after >= DRAIN && after < DRAIN + Duration::from_secs(1), "cut after {after:?}");
    to_b.echo().await
}

#[tokio::test]
async fn without_draining_connections_are_cut_at_once() -> Result<()> {
    let (stage, [a, b]) = (Stage::new().await?, two().await?);
    let host = stage.host("chat");
    stage.serve(&host, draining(0), &[&a, &b]).await?;
    let [mut to_a, mut to_b] = one_to_each(&stage, &host).await?;

    let began = Instant::now();
    stage.terminating("chat", &a).await?;
    assert_eq!(to_a.listen_until_cut().await, Cut::Abnormal);
    let after = began.elapsed();
    assert!(after < Duration::from_secs(1), "cut after {after:?}");
    to_b.echo().await
}

#[tokio::test]
async fn a_terminating_endpoint_gets_no_new_connection() -> Result<()> {
    let (stage, [a, b]) = (Stage::new().await?, two().await?);
    let host = stage.host("chat");
    stage.serve(&host, draining(60), &[&a, &b]).await?;
    let [mut to_a, _to_b] = one_to_each(&stage, &host).await?;
    let client = client::http(&[&host], stage.balancer.http())?;
    // Idle connections to both, which must not be used again.
    for _ in 0..4 {
        who(client.get(format!("http://{host}/"))).await?;
    }

    stage.terminating("chat", &a).await?;
    stage.balancer.settled().await?;
    for _ in 0..10 {
        assert_eq!(Socket::open(stage.balancer.http(), &host).await?.name, "b");
        assert_eq!(who(client.get(format!("http://{host}/"))).await?, "b");
    }
    to_a.echo().await?;

    stage.ready("chat", &a).await?;
    stage.balancer.healthy(&stage.namespace, "chat", 2).await?;
    to_a.echo().await
}

#[tokio::test]
async fn an_endpoint_that_is_not_ready_gets_no_new_connection() -> Result<()> {
    let (stage, [a, b]) = (Stage::new().await?, two().await?);
    let host = stage.host("chat");
    stage.serve(&host, draining(60), &[&a, &b]).await?;
    stage.endpoint("chat", &a, json!({"ready": false})).await?;
    stage.balancer.settled().await?;
    for _ in 0..6 {
        assert_eq!(Socket::open(stage.balancer.http(), &host).await?.name, "b");
    }
    Ok(())
}

#[tokio::test]
async fn a_terminating_endpoint_gets_requests_until_the_load_balancer_notices() -> Result<()> {
    const DETACH: Duration = Duration::from_secs(2);
    let stage = Stage::with(Options { detach: DETACH, ..Options::default() }).await?;
    let [a, b] = two().await?;
    let host = stage.host("chat");
    stage.serve(&host, draining(60), &[&a, &b]).await?;
    let client = client::http(&[&host], stage.balancer.http())?;
    let began = Instant::now();
    stage.terminating("chat", &a).await?;
    stage.balancer.settled().await?;
    let mut last = Instant::now();
    let mut answers_of_b = 0;
    while answers_of_b < 10 {
        match who(client.get(format!("http://{host}/"))).await?.as_str() {
            "a" => (last, answers_of_b) = (Instant::now(), 0),
            _ => answers_of_b += 1,
        }
    }
    let after = last - began;
    assert!(after > DETACH - Duration::from_millis(500) && after < DETACH + Duration::from_secs(1), "{after:?}");
    Ok(())
}
