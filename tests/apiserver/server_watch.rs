//! The server's policy comes from its own resource, by the rights that the operator gave its account.

use anyhow::Result;
use realtime_tests::{Cluster, Server, Stage, http};
use serde_json::{Value, json};

const APP: &str = "https://app.domain-b.com";
const OTHER: &str = "https://other.domain-c.com";

fn with_origins(origins: &[&str]) -> String {
    let spec = json!({"host": "chat.domain-a.com", "path": "/oursocketio", "origins": {"allow": origins}});
    let service = json!({"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService",
        "metadata": {"name": "chat"}, "spec": spec});
    service.to_string()
}

async fn server(stage: &Stage) -> Result<Server> {
    stage.apply(&with_origins(&[APP])).await?;
    stage.settled("chat").await?;
    Server::start(stage, "127.0.0.1:0", "127.0.0.1:0").await
}

async fn lets_in(stage: &Stage, server: &Server, origin: &str) -> Result<()> {
    stage
        .eventually(&format!("{origin} is let in"), async || Ok((server.handshake(origin).await? == 200).then_some(())))
        .await
}

#[tokio::test]
async fn a_change_of_the_resource_is_live_in_the_server() -> Result<()> {
    let stage = Stage::new("server-live").await?;
    let _operator = stage.operator().await?;
    let server = server(&stage).await?;
    assert_eq!((server.handshake(APP).await?, server.handshake(OTHER).await?), (200, 403));
    stage.apply(&with_origins(&[APP, OTHER])).await?;
    lets_in(&stage, &server, OTHER).await?;
    let status = server.status().await?;
    assert_eq!((&status["policyGeneration"], &status["policySource"]), (&json!(2), &json!("watch")));
    assert_eq!(status["watch"], "Connected");
    Ok(())
}

#[tokio::test]
async fn the_pods_are_known_by_the_endpoint_slices_of_the_service_and_of_no_other() -> Result<()> {
    let stage = Stage::new("server-peers").await?;
    let _operator = stage.operator().await?;
    stage.apply(&with_origins(&[APP])).await?;
    stage.settled("chat").await?;
    let options = ["--peer-listen", "127.0.0.1:0", "--peer-service", "chat"];
    let server = Server::start_with(&stage, "127.0.0.1:0", "127.0.0.1:0", &options).await?;
    let slice = |name: &str, service: &str, endpoints: Value| {
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": service}}, "endpoints": endpoints})
        .to_string()
    };
    let ready = json!({"addresses": ["10.1.0.1"], "conditions": {"ready": true}});
    let starting = json!({"addresses": ["10.1.0.2"], "conditions": {"ready": false}});
    let going =
        json!({"addresses": ["10.1.0.3"], "conditions": {"ready": false, "serving": true, "terminating": true}});
    stage.apply(&slice("talk-of-others", "talk", json!([{"addresses": ["10.1.0.9"]}]))).await?;
    stage.apply(&slice("chat-by-hand", "chat", json!([ready, starting, going]))).await?;
    let knows = async |number: u32| {
        let line = format!("\nrealtime_server_peers {number}\n");
        let said = async || {
            let text = http::client().get(format!("http://{}/metrics", server.admin)).send().await?.text().await?;
            Ok(text.contains(&line).then_some(()))
        };
        stage.eventually(&format!("{number} pods are known"), said).await
    };
    knows(3).await?;
    stage.apply(&slice("chat-by-hand", "chat", json!([ready]))).await?;
    knows(1).await?;
    stage.apply(&slice("chat-more", "chat", json!([starting]))).await?;
    knows(2).await
}

#[tokio::test]
async fn an_invalid_or_deleted_resource_leaves_the_last_policy_in_force() -> Result<()> {
    let stage = Stage::new("server-keeps").await?;
    let _operator = stage.operator().await?;
    let server = server(&stage).await?;
    stage.apply(&with_origins(&["https://*.com"])).await?;
    let shows = async |words: &str| {
        let what = format!("the server's status says {words:?}");
        let said = async || Ok(server.status().await?["policyProblems"].to_string().contains(words).then_some(()));
        stage.eventually(&what, said).await
    };
    shows("allow[0]").await?;
    assert_eq!((server.handshake(APP).await?, server.handshake("https://a.com").await?), (200, 403));
    stage.kubectl(&["delete", "rts", "chat"]).await?.good()?;
    shows("not in the cluster").await?;
    assert_eq!(server.handshake(APP).await?, 200);
    assert_eq!(server.status().await?["policyGeneration"], 1);
    Ok(())
}

#[tokio::test]
async fn without_the_api_the_last_policy_stays_in_force_and_then_the_newest_counts() -> Result<()> {
    let cluster = Cluster::start(true).await?;
    cluster.install_backend_config().await?;
    let stage = Stage::on(cluster, "server-outage").await?;
    let _operator = stage.operator().await?;
    let server = server(&stage).await?;
    stage.cluster.stop_apiserver().await?;
    let noticed = async || Ok((server.status().await?["watch"] == "Disconnected").then_some(()));
    stage.eventually("the loss is noticed", noticed).await?;
    assert_eq!((server.handshake(APP).await?, server.handshake(OTHER).await?), (200, 403));
    stage.cluster.start_apiserver().await?;
    stage.apply(&with_origins(&[APP, OTHER])).await?;
    lets_in(&stage, &server, OTHER).await
}
