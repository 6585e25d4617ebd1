//! How a pod goes.

use std::{
    io::Read,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::support::{kubectl, run_pods, shared, supported};

#[tokio::test]
async fn a_deleted_pod_is_told_to_go_and_given_its_time() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let cluster = shared().await?;
    run_pods(&cluster, "deletion", &["web"])?;
    let mut follow = cluster.kubectl();
    follow.args(["logs", "--follow", "-n", "deletion", "web"]).stdout(Stdio::piped());
    let mut follow = follow.spawn()?;
    let began = Instant::now();
    kubectl(&cluster, &["delete", "pod", "-n", "deletion", "web", "--timeout=60s"], "")?;
    let took = began.elapsed();
    let mut log = String::new();
    follow.stdout.take().context("stdout is piped")?.read_to_string(&mut log)?;
    follow.wait()?;

    assert_eq!(log, "listening\ntold to go\ngone\n");
    // It takes 2 s of the 30 s that it may take.
    assert!((Duration::from_secs(2)..Duration::from_secs(20)).contains(&took), "{took:?}");
    Ok(())
}
