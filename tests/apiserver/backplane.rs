//! Whether the pods reach their Redis is in the status. The pods are those of the ReplicaSet, their containers real servers, as in `reports`.

use std::fs;

use anyhow::Result;
use realtime_tests::Stage;
use serde_json::json;

use crate::{redis::Redis, reports::two_servers_with};

fn with_backplane() -> String {
    let redis = json!({"urlSecretRef": {"name": "chat-redis", "key": "url"}});
    let spec = json!({
        "host": "chat.domain-a.com", "path": "/oursocketio", "workload": {"replicas": 2},
        "origins": {"allow": ["https://app.domain-b.com"]}, "backplane": {"redis": redis},
    });
    json!({"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService", "metadata": {"name": "chat"}, "spec": spec}).to_string()
}

/// Both pods; one that has no address yet is not among those that are asked.
async fn is_whole(stage: &Stage) -> Result<()> {
    stage
        .eventually("both pods reach the backplane", async || {
            let message = stage.says("chat", "BackplaneConnected", "True", "BackplaneConnected").await?;
            Ok((message == "2 of 2 pods reach the backplane.").then_some(()))
        })
        .await
}

#[tokio::test]
async fn a_redis_that_dies_is_told_in_the_status_and_so_is_its_return() -> Result<()> {
    let mut redis = Redis::start();
    let stage = Stage::new("redis-dies").await?;
    let _operator = stage.operator().await?;
    stage.apply(&with_backplane()).await?;
    let _servers = two_servers_with(&stage, ["127.87.0.1", "127.87.0.2"], &["--redis-url", &redis.url()]).await?;
    is_whole(&stage).await?;
    redis.kill();
    let message = stage.says("chat", "BackplaneConnected", "False", "BackplaneUnreachable").await?;
    assert!(message.contains("Is Redis there, and may the pods reach it?"), "{message}");
    redis.revive();
    is_whole(&stage).await
}

#[tokio::test]
async fn servers_take_up_a_new_password_from_the_secret_while_they_run() -> Result<()> {
    let redis = Redis::start();
    let folder = tempfile::tempdir()?;
    // What the kubelet mounts.
    let secret = |url: &str| -> Result<()> {
        fs::write(folder.path().join("next"), url)?;
        Ok(fs::rename(folder.path().join("next"), folder.path().join("url"))?)
    };
    secret(&redis.url())?;
    let stage = Stage::new("redis-password").await?;
    let _operator = stage.operator().await?;
    stage.apply(&with_backplane()).await?;
    let file = folder.path().join("url").display().to_string();
    let _servers = two_servers_with(&stage, ["127.88.0.1", "127.88.0.2"], &["--redis-url-file", &file]).await?;
    is_whole(&stage).await?;
    redis.ask(&["CONFIG", "SET", "requirepass", "another"]);
    for kind in ["normal", "pubsub"] {
        redis.ask(&["-a", "another", "--no-auth-warning", "CLIENT", "KILL", "TYPE", kind]);
    }
    let message = stage.says("chat", "BackplaneConnected", "False", "BackplaneRefused").await?;
    assert!(message.contains("Check user and password of the URL."), "{message}");
    secret(&redis.url().replace("redis://", "redis://:another@"))?;
    is_whole(&stage).await
}
