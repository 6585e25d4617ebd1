//! BackendConfig's timeoutSec.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use crate::{
    backend::Backend,
    client::{self, Cut, Socket},
    stage::Stage,
};

const TIMEOUT: Duration = Duration::from_secs(3);

#[tokio::test]
async fn an_active_and_an_idle_websocket_are_cut_at_timeout_sec() -> Result<()> {
    let (stage, backend) = (Stage::new().await?, Backend::start("a").await?);
    let host = stage.host("chat");
    stage.serve(&host, json!({"timeoutSec": TIMEOUT.as_secs()}), &[&backend]).await?;

    let began = Instant::now();
    let mut active = Socket::open(stage.balancer.http(), &host).await?;
    let mut idle = Socket::open(stage.balancer.http(), &host).await?;
    let talk = async { (active.talk_until_cut(Duration::from_millis(100)).await, began.elapsed()) };
    let listen = async { (idle.listen_until_cut().await, began.elapsed()) };
    for (cut, after) in <[_; 2]>::from(tokio::join!(talk, listen)) {
        eprintln!("cut after {after:?}");
        assert_eq!(cut, Cut::Abnormal);
        assert!(after >= TIMEOUT && after < TIMEOUT + Duration::from_secs(1), "cut after {after:?}");
    }
    assert_eq!(stage.balancer.stats().await?.timeouts(), 2);
    Ok(())
}

#[tokio::test]
async fn a_request_that_gets_no_answer_is_answered_502_at_timeout_sec() -> Result<()> {
    let (stage, backend) = (Stage::new().await?, Backend::start("a").await?);
    let host = stage.host("chat");
    stage.serve(&host, json!({"timeoutSec": 2}), &[&backend]).await?;

    let began = Instant::now();
    let client = client::http(&[&host], stage.balancer.http())?;
    let answer = client.get(format!("http://{host}/never")).send().await?;
    assert_eq!(answer.status(), 502);
    let after = began.elapsed();
    assert!(after >= Duration::from_secs(2) && after < Duration::from_secs(3), "answered after {after:?}");
    Ok(())
}
