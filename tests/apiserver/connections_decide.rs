//! Connections decide on the number of pods: real ones, to real servers in the place of the pods that the ReplicaSet made.

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use realtime_tests::{Child, Server, Stage};
use serde_json::json;
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

use crate::{autoscaling::replicas, reports::two_servers};

fn by_connections(team: &str) -> String {
    let scale = json!({"minReplicas": 2, "maxReplicas": 6, "connectionsPerReplica": 2});
    let spec = json!({"host": "chat.domain-a.com", "path": "/oursocketio", "exposure": {"none": {}},
        "workload": {"autoscaling": scale, "podLabels": {"team": team}}, "origins": {"allow": ["https://app.domain-b.com"]}});
    json!({"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService", "metadata": {"name": "chat"}, "spec": spec}).to_string()
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn connect(server: &Server) -> Result<Socket> {
    let url = format!("ws://{}/oursocketio/?EIO=4&transport=websocket", server.public);
    let mut request = url.into_client_request()?;
    request.headers_mut().insert("Origin", "https://app.domain-b.com".parse()?);
    let (mut socket, _) = connect_async(request).await?;
    socket.next().await.context("the server opens the session")??;
    Ok(socket)
}

async fn wants(stage: &Stage, number: i64) -> Result<()> {
    let what = format!("there are to be {number} pods");
    stage.eventually(&what, async || Ok((replicas(stage).await? == number).then_some(()))).await
}

async fn has(stage: &Stage, connections: i64) -> Result<()> {
    stage
        .eventually(&format!("{connections} connections are in the status"), async || {
            let status = stage.services().get("chat").await?.status;
            Ok((status.and_then(|status| status.connections) == Some(connections)).then_some(()))
        })
        .await
}

async fn told(stage: &Stage, reason: &str) -> Result<Vec<String>> {
    let events: Api<Event> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let all = events.list(&ListParams::default()).await?.items;
    Ok(all.into_iter().filter(|it| it.reason.as_deref() == Some(reason)).filter_map(|it| it.note).collect())
}

#[tokio::test]
async fn open_connections_bring_pods_at_once_and_their_end_takes_none_at_once() -> Result<()> {
    let stage = Stage::new("connections-decide").await?;
    let operator = stage.operator().await?;
    stage.apply(&by_connections("a")).await?;
    let (servers, _) = two_servers(&stage, ["127.85.0.1", "127.85.0.2"]).await?;
    stage.says("chat", "ScalingActive", "True", "ScalingByConnections").await?;
    wants(&stage, 2).await?;

    let audit = stage.audit()?;
    let mut sockets = Vec::new();
    for server in [&servers[0], &servers[1], &servers[0], &servers[1], &servers[0]] {
        sockets.push(connect(server).await?);
    }
    wants(&stage, 3).await?;
    let scaled = audit.requests()?.into_iter().filter(|it| it.resource.starts_with("deployments") && it.writes());
    let scaled: Vec<_> = scaled.map(|it| it.to_string()).collect();
    ensure!(scaled == ["patch deployments/scale/chat → 200"], "by its scale alone: {scaled:?}");
    let out = stage
        .eventually("an Event tells of it", async || {
            let out = told(&stage, "ScaledOut").await?;
            Ok(out.into_iter().find(|note| note.starts_with("2 → 3 pods")))
        })
        .await?;
    ensure!(out == "2 → 3 pods: 5 connections are open, and connectionsPerReplica is 2.", "{out}");
    let metrics = operator.admin("/metrics").await?.1;
    ensure!(metrics.contains("scalings_total{reason=\"more_connections\"} 1"), "{metrics}");

    // The operator applies the Deployment, and the number of pods is none of what it applies.
    stage.apply(&by_connections("b")).await?;
    stage
        .eventually("the pods are of team b", async || {
            let deployment = stage.child(Child::of("Deployment"), "chat").await?;
            Ok((deployment["spec"]["template"]["metadata"]["labels"]["team"] == "b").then_some(()))
        })
        .await?;
    ensure!(replicas(&stage).await? == 3);

    drop(sockets);
    has(&stage, 0).await?;
    stage.quiet().await?;
    ensure!(replicas(&stage).await? == 3, "no pod goes before minutes of calm");
    ensure!(told(&stage, "ScaledIn").await?.is_empty());

    stage.kubectl(&["scale", "deployment", "chat", "--replicas=0"]).await?.good()?;
    let why = stage.says("chat", "ScalingActive", "False", "ScaledToZero").await?;
    ensure!(why.contains("switches autoscaling off"), "{why}");
    stage.says("chat", "Available", "False", "ScaledToZero").await?;
    stage.quiet().await?;
    ensure!(replicas(&stage).await? == 0, "whoever scaled it to 0 meant it");
    stage.kubectl(&["scale", "deployment", "chat", "--replicas=1"]).await?.good()?;
    wants(&stage, 2).await
}
