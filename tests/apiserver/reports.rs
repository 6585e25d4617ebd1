//! What the servers report reaches the status: which policy they run, how many connections, whom they denied.
//!
//! There is no kubelet here, so the test is one: the pods are those that the ReplicaSet made, their containers are real server
//! processes, each on a loopback address of its own that the test writes into the pod's status.

use anyhow::{Context, Result};
use futures::{SinkExt, StreamExt};
use k8s_openapi::api::{core::v1::Pod, events::v1::Event};
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use realtime_crds::RealtimeService;
use realtime_tests::{Server, Stage};
use rustix::process::Signal;
use serde_json::json;
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};

/// A pod and the server that runs in its place. The admin port is a fact of the pod template, so each has an address of its own.
async fn serve(stage: &Stage, pod: &str, ip: &str, more: &[&str]) -> Result<Server> {
    let server = Server::start_with(stage, &format!("{ip}:0"), &format!("{ip}:8081"), more).await?;
    let pods: Api<Pod> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let running = json!({"status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}});
    pods.patch_status(pod, &PatchParams::default(), &Patch::Merge(&running)).await?;
    Ok(server)
}

/// The two pods of `chat`, each with its server.
pub async fn two_servers(stage: &Stage, ips: [&str; 2]) -> Result<([Server; 2], [String; 2])> {
    two_servers_with(stage, ips, &[]).await
}

/// The same, with further options.
pub async fn two_servers_with(stage: &Stage, ips: [&str; 2], more: &[&str]) -> Result<([Server; 2], [String; 2])> {
    let pods: Api<Pod> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let names = stage
        .eventually("the ReplicaSet has made two pods", async || {
            let there = pods.list(&ListParams::default()).await?;
            let names: Vec<_> = there.iter().map(ResourceExt::name_any).collect();
            Ok(<[String; 2]>::try_from(names).ok())
        })
        .await?;
    let servers = [serve(stage, &names[0], ips[0], more).await?, serve(stage, &names[1], ips[1], more).await?];
    Ok((servers, names))
}

fn with_origins(origins: &[&str]) -> String {
    let spec = json!({"host": "chat.domain-a.com", "path": "/oursocketio", "workload": {"replicas": 2}, "origins": {"allow": origins}});
    json!({"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService", "metadata": {"name": "chat"}, "spec": spec}).to_string()
}

/// Both pods; one that has no address yet is not among those that are asked.
async fn synced(stage: &Stage) -> Result<()> {
    stage
        .eventually("both pods run the policy", async || {
            let message = stage.says("chat", "OriginPolicySynced", "True", "PolicySynced").await?;
            Ok((message == "2 of 2 pods run this origin policy.").then_some(()))
        })
        .await
}

async fn status_shows<T>(stage: &Stage, what: &str, read: impl Fn(&RealtimeService) -> Option<T>) -> Result<T> {
    stage.eventually(what, async || Ok(read(&stage.services().get("chat").await?))).await
}

#[tokio::test]
async fn what_servers_report_reaches_the_status() -> Result<()> {
    let stage = Stage::new("reports").await?;
    let _operator = stage.operator().await?;
    stage.apply(&with_origins(&["https://app.domain-b.com"])).await?;
    let (servers, _) = two_servers(&stage, ["127.81.0.1", "127.81.0.2"]).await?;
    synced(&stage).await?;

    assert_eq!(servers[0].handshake("https://app.domain-b.com/").await?, 403);
    assert_eq!(servers[1].handshake("https://app.domain-b.com/").await?, 403);
    let mut sockets = Vec::new();
    for server in &servers {
        let url = format!("ws://{}/oursocketio/?EIO=4&transport=websocket", server.public);
        let mut request = url.into_client_request()?;
        request.headers_mut().insert("Origin", "https://app.domain-b.com".parse()?);
        let (mut socket, _) = connect_async(request).await?;
        socket.next().await.context("the server opens the session")??;
        socket.send("40".into()).await?;
        sockets.push(socket);
    }
    let denied = status_shows(&stage, "both connections and the denied origin are in the status", |service| {
        let status = service.status.as_ref()?;
        let line = status.denied_origins.first().filter(|line| line.count == 2)?;
        (status.connections == Some(2) && status.denied == Some(1)).then(|| line.clone())
    })
    .await?;
    assert_eq!((denied.origin.as_str(), denied.hint.as_str()), ("https://app.domain-b.com/", "TrailingSlash"));

    let events: Api<Event> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let told = events.list(&ListParams::default()).await?;
    let denials: Vec<_> = told.iter().filter(|event| event.reason.as_deref() == Some("OriginDenied")).collect();
    assert_eq!(denials.len(), 1, "one Event, however often: {denials:?}");
    let table = stage.kubectl(&["get", "rts", "chat", "--no-headers"]).await?.good()?;
    let columns: Vec<_> = table.split_whitespace().collect();
    assert_eq!((columns[4], columns[6]), ("2", "1"), "CONNS and DENIED of {table}");
    Ok(())
}

#[tokio::test]
async fn the_policy_is_synced_only_when_every_pod_runs_it() -> Result<()> {
    let stage = Stage::new("synced").await?;
    let _operator = stage.operator().await?;
    stage.apply(&with_origins(&["https://app.domain-b.com"])).await?;
    let ([first, second], [_, hanging]) = two_servers(&stage, ["127.82.0.1", "127.82.0.2"]).await?;
    synced(&stage).await?;

    second.signal(Signal::STOP)?;
    stage.apply(&with_origins(&["https://app.domain-b.com", "https://new.domain-c.com"])).await?;
    let behind = stage
        .eventually("the pod that hangs is named", async || {
            let service = stage.services().get("chat").await?;
            let conditions = service.status.map(|status| status.conditions).unwrap_or_default();
            let synced = conditions.into_iter().find(|condition| condition.type_ == "OriginPolicySynced");
            Ok(synced.filter(|it| it.status == "Unknown" && it.message.starts_with("1 of 2")).map(|it| it.message))
        })
        .await?;
    assert!(behind.contains(&hanging), "{behind}");
    assert_eq!(first.handshake("https://new.domain-c.com").await?, 200);

    second.signal(Signal::CONT)?;
    synced(&stage).await?;
    assert_eq!(second.handshake("https://new.domain-c.com").await?, 200);
    Ok(())
}

#[tokio::test]
async fn when_fewer_pods_are_wanted_each_says_what_it_costs_to_take_it_away() -> Result<()> {
    let stage = Stage::new("deletion-cost").await?;
    let _operator = stage.operator().await?;
    stage.apply(&with_origins(&["https://app.domain-b.com"])).await?;
    let (servers, names) = two_servers(&stage, ["127.84.0.1", "127.84.0.2"]).await?;
    synced(&stage).await?;
    let url = format!("ws://{}/oursocketio/?EIO=4&transport=websocket", servers[1].public);
    let mut request = url.into_client_request()?;
    request.headers_mut().insert("Origin", "https://app.domain-b.com".parse()?);
    let (mut socket, _) = connect_async(request).await?;
    socket.next().await.context("the server opens the session")??;
    status_shows(&stage, "the connection is in the status", |service| {
        service.status.as_ref().filter(|status| status.connections == Some(1)).map(|_| ())
    })
    .await?;
    let pods: Api<Pod> = Api::namespaced(stage.client.clone(), &stage.namespace);
    let cost = async |name: &str| -> Result<Option<String>> {
        Ok(pods.get(name).await?.annotations().get("controller.kubernetes.io/pod-deletion-cost").cloned())
    };
    assert_eq!(cost(&names[1]).await?, None, "one connection is not worth a request");

    stage
        .kubectl(&["patch", "rts/chat", "--type=merge", "-p", r#"{"spec":{"workload":{"replicas":1}}}"#])
        .await?
        .good()?;
    stage
        .eventually("the idle pod goes, the busy one stays", async || {
            let left = pods.list(&ListParams::default()).await?;
            let staying: Vec<_> = left.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect();
            Ok((staying.len() == 1 && staying[0].name_any() == names[1]).then_some(()))
        })
        .await?;
    assert_eq!(cost(&names[1]).await?.as_deref(), Some("1"));
    Ok(())
}
