//! Changes of the cluster's state.

use std::time::Duration;

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{
    backend::Backend,
    client::{self, Socket, who},
    stage::{Stage, until},
};

#[tokio::test]
async fn a_dangling_backend_config_keeps_the_last_good_configuration_and_says_so() -> Result<()> {
    let (stage, a, b) = (Stage::new().await?, Backend::start("a").await?, Backend::start("b").await?);
    let host = stage.host("chat");
    stage.serve(&host, json!({}), &[&a]).await?;
    let client = client::http(&[&host], stage.balancer.http())?;

    stage
        .bare_service("chat", json!({"cloud.google.com/backend-config": "{\"ports\": {\"http\": \"missing\"}}"}))
        .await?;
    stage.balancer.settled().await?;
    let name = format!("{}/chat", stage.namespace);
    assert_eq!(stage.balancer.refused().get(&name).map(Vec::len), Some(1));
    assert_eq!(who(client.get(format!("http://{host}/"))).await?, "a");
    let warnings = until(Duration::from_secs(10), async || {
        let warnings = stage.warnings("chat").await?;
        Ok((!warnings.is_empty()).then_some(warnings))
    });
    // Every load balancer that watches this cluster says so, those of other tests too.
    let warnings = warnings.await?;
    assert!(warnings.iter().all(|warning| *warning == warnings[0]), "{warnings:?}");
    let (reason, note) = &warnings[0];
    assert_eq!(reason, "Translate");
    assert!(note.contains("error getting BackendConfig for port \"http\" on service"), "{note}");

    // The group of endpoints is another controller's work and goes on.
    stage.ready("chat", &b).await?;
    stage.balancer.healthy(&stage.namespace, "chat", 2).await?;

    stage.backend_config("missing", json!({"customResponseHeaders": {"headers": ["x-found: yes"]}})).await?;
    stage.balancer.settled().await?;
    assert_eq!(stage.balancer.refused().get(&name), None);
    let answer = client.get(format!("http://{host}/")).send().await?;
    assert_eq!(answer.headers()["x-found"], "yes");
    Ok(())
}

#[tokio::test]
async fn changes_of_the_configuration_cut_no_websocket() -> Result<()> {
    let (stage, a, b) = (Stage::new().await?, Backend::start("a").await?, Backend::start("b").await?);
    let host = stage.host("chat");
    stage.serve(&host, json!({"timeoutSec": 600}), &[&a]).await?;
    let mut socket = Socket::open(stage.balancer.http(), &host).await?;

    let mut changed = async |what: &str| -> Result<()> {
        stage.balancer.settled().await?;
        socket.echo().await.map_err(|error| error.context(what.to_owned()))
    };
    stage.ready("chat", &b).await?;
    changed("a new endpoint").await?;
    stage.service("other", json!({})).await?;
    stage.ingress("other", &stage.host("other"), "other").await?;
    changed("another Ingress").await?;
    let domains = json!({"domains": [stage.host("secure")]});
    stage
        .apply(json!({
            "apiVersion": "networking.gke.io/v1", "kind": "ManagedCertificate", "metadata": {"name": "own"}, "spec": domains,
        }))
        .await?;
    let rule = json!({"host": stage.host("secure"), "http": {"paths": [
        {"path": "/", "pathType": "Prefix", "backend": crate::stage::backend("other")},
    ]}});
    stage
        .ingress_of("secure", json!({"networking.gke.io/managed-certificates": "own"}), json!({"rules": [rule]}))
        .await?;
    changed("a certificate").await?;
    stage.backend_config("chat", json!({"timeoutSec": 300})).await?;
    changed("another timeout").await?;
    let check = json!({"requestPath": "/healthz", "checkIntervalSec": 2, "timeoutSec": 2});
    stage.backend_config("chat", json!({"timeoutSec": 300, "healthCheck": check})).await?;
    changed("another health check").await?;
    stage.delete("networking.k8s.io/v1", "Ingress", "other").await?;
    changed("one Ingress less").await?;
    a.fall_ill(true);
    stage.balancer.healthy(&stage.namespace, "chat", 1).await?;
    changed("an endpoint that is ill").await
}

#[tokio::test]
async fn stopping_leaves_no_process_and_no_file() -> Result<()> {
    let (stage, a) = (Stage::new().await?, Backend::start("a").await?);
    let host = stage.host("chat");
    stage.serve(&host, json!({}), &[&a]).await?;
    let (at, folder) = (stage.balancer.http(), stage.balancer.log().parent().expect("a folder").to_owned());
    assert!(folder.exists());
    stage.balancer.stop().await;
    assert!(std::net::TcpStream::connect(at).is_err());
    assert!(!folder.exists());
    Ok(())
}

#[tokio::test]
async fn an_envoy_that_ends_is_noticed() -> Result<()> {
    let stage = Stage::new().await?;
    let folder = stage.balancer.log().parent().expect("a folder").to_string_lossy().into_owned();
    let envoy = std::fs::read_dir("/proc")?.flatten().find_map(|process| {
        let line = std::fs::read(process.path().join("cmdline")).ok()?;
        let number = process.file_name().to_str()?.parse().ok()?;
        String::from_utf8_lossy(&line).contains(&folder).then(|| Pid::from_raw(number))?
    });
    kill_process(envoy.expect("Envoy's process"), Signal::KILL)?;
    let error = tokio::time::timeout(Duration::from_secs(5), stage.balancer.failed()).await?;
    assert!(error.to_string().contains("Envoy ended"), "{error}");
    assert!(stage.balancer.settled().await.is_err());
    Ok(())
}

#[tokio::test]
async fn of_two_that_ask_for_one_host_the_older_keeps_it() -> Result<()> {
    let (stage, a, b) = (Stage::new().await?, Backend::start("a").await?, Backend::start("b").await?);
    let host = stage.host("chat");
    stage.serve(&host, json!({}), &[&a]).await?;
    stage.service("other", json!({})).await?;
    stage.ready("other", &b).await?;
    // Creation times are in seconds; of one second the names decide.
    stage.ingress("younger", &host, "other").await?;
    stage.balancer.healthy(&stage.namespace, "other", 1).await?;
    let client = client::http(&[&host], stage.balancer.http())?;
    assert_eq!(who(client.get(format!("http://{host}/"))).await?, "a");
    stage.delete("networking.k8s.io/v1", "Ingress", "chat").await?;
    stage.balancer.settled().await?;
    assert_eq!(who(client.get(format!("http://{host}/"))).await?, "b");
    Ok(())
}
