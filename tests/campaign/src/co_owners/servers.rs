//! Real servers in the place of two pods that the ReplicaSet made, and clients that stay connected. There is no kubelet here.

use anyhow::{Context, Result};
use futures::{SinkExt, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use realtime_tests::Server;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{Ground, state::LIMIT};

/// The operator asks pods on port 8081: each has an address of its own.
const ADDRESSES: [&str; 2] = ["127.95.0.1", "127.95.0.2"];

/// The servers, with their clients.
pub(super) struct Servers {
    servers: Vec<Server>,
    clients: JoinSet<()>,
}

impl Servers {
    /// Waits for the pods of `chat`, and starts a server for each.
    pub(super) async fn start(ground: &Ground) -> Result<Self> {
        let pods: Api<Pod> = Api::namespaced(ground.client.clone(), &ground.namespace);
        let of_service = ListParams::default().labels("app.kubernetes.io/instance=chat");
        let two = async || {
            let names: Vec<_> = pods.list(&of_service).await?.iter().map(ResourceExt::name_any).collect();
            Ok((names.len() == ADDRESSES.len()).then_some(names))
        };
        let names = ground.stage.within(LIMIT, "the ReplicaSet makes two pods", two).await?;
        let mut servers = Vec::new();
        for (name, ip) in names.iter().zip(ADDRESSES) {
            servers.push(Server::start(&ground.stage, &format!("{ip}:0"), &format!("{ip}:8081")).await?);
            let running = json!({"status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}});
            pods.patch_status(name, &PatchParams::default(), &Patch::Merge(&running)).await?;
        }
        Ok(Self { servers, clients: JoinSet::new() })
    }

    /// So many more clients, which stay.
    pub(super) async fn connect(&mut self, number: usize) -> Result<()> {
        for server in self.servers.iter().cycle().take(number) {
            let url = format!("ws://{}/oursocketio/?EIO=4&transport=websocket", server.public);
            let mut request = url.into_client_request()?;
            request.headers_mut().insert("Origin", "https://app.domain-b.com".parse()?);
            let (mut socket, _) = connect_async(request).await.context("a client connects")?;
            socket.next().await.context("the server opens the session")??;
            socket.send("40".into()).await?;
            self.clients.spawn(async move {
                while let Some(Ok(message)) = socket.next().await {
                    let is_ping = matches!(&message, Message::Text(text) if text.as_str() == "2");
                    if is_ping && socket.send("3".into()).await.is_err() {
                        return;
                    }
                }
            });
        }
        Ok(())
    }
}
