//! I/O: what the cluster has of a service, and what its pods say.

use std::time::Duration;

use k8s_openapi::{
    api::{core::v1::Pod, events::v1::Event},
    jiff::Timestamp,
};
use kube::{Api, Client, ResourceExt, api::ListParams};
use realtime_crds::RealtimeService;
use serde::Deserialize;
use tokio::{task::JoinSet, time::timeout};

use super::view::{Happened, PodView, View};
use crate::kubeconfig;

const ANSWER: Duration = Duration::from_secs(15);
/// How long a pod may take to say how it is.
const POD_ANSWER: Duration = Duration::from_secs(3);
const ADMIN_PORT: u16 = 8081;
const EVENTS: usize = 5;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("failed to find a cluster: {0}")]
    NoCluster(String),
    #[error("there is no RealtimeService {0}")]
    NotFound(String),
    #[error("not allowed to read it: {0}")]
    Forbidden(String),
    #[error("the cluster does not answer: {0}")]
    Unreachable(String),
}

impl Failure {
    /// The word in JSON.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::NoCluster(_) => "NoCluster",
            Self::NotFound(_) => "NotFound",
            Self::Forbidden(_) => "Forbidden",
            Self::Unreachable(_) => "Unreachable",
        }
    }
}

/// A way to a cluster.
pub(super) struct Source {
    client: Client,
    namespace: String,
}

/// What the bundled server says of itself.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Said {
    policy_generation: Option<i64>,
    connections: Option<u64>,
    backplane: Option<Backplane>,
}

#[derive(Deserialize)]
struct Backplane {
    connected: bool,
}

impl Source {
    /// By KUBECONFIG, or by the account of the pod around.
    pub(super) async fn connect(namespace: Option<&str>) -> Result<Self, Failure> {
        let (client, namespace) = kubeconfig::connect(namespace, ANSWER).await.map_err(Failure::NoCluster)?;
        Ok(Self { client, namespace })
    }

    pub(super) async fn view(&self, name: &str) -> Result<View, Failure> {
        let services: Api<RealtimeService> = Api::namespaced(self.client.clone(), &self.namespace);
        let service = services.get(name).await.map_err(|error| self.why(name, &error))?;
        // Whoever may not list pods or events sees the rest.
        let (pods, events) = tokio::join!(self.pods(&service), self.events(name));
        Ok(View::new(service, pods.unwrap_or_default(), events.unwrap_or_default(), Timestamp::now()))
    }

    async fn pods(&self, service: &RealtimeService) -> kube::Result<Vec<PodView>> {
        let Some(selector) = service.status.as_ref().and_then(|status| status.selector.as_deref()) else {
            return Ok(Vec::new());
        };
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let pods = pods.list(&ListParams::default().labels(selector)).await?.items;
        let mut asked = JoinSet::new();
        for pod in pods {
            let (client, name) = (self.client.clone(), pod.name_any());
            let path = format!("/api/v1/namespaces/{}/pods/{name}:{ADMIN_PORT}/proxy/status", self.namespace);
            asked.spawn(async move {
                let said = timeout(POD_ANSWER, ask(&client, &path)).await.ok().flatten().unwrap_or_default();
                let backplane = said.backplane.map(|backplane| backplane.connected);
                PodView::new(&pod, said.connections, said.policy_generation, backplane)
            });
        }
        let mut views = asked.join_all().await;
        views.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(views)
    }

    async fn events(&self, name: &str) -> kube::Result<Vec<Happened>> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let of_it = format!("regarding.kind=RealtimeService,regarding.name={name}");
        let mut events: Vec<_> =
            events.list(&ListParams::default().fields(&of_it)).await?.items.iter().map(Happened::new).collect();
        events.sort_by_key(|event| std::cmp::Reverse(event.at));
        events.truncate(EVENTS);
        Ok(events)
    }

    fn why(&self, name: &str, error: &kube::Error) -> Failure {
        match error {
            kube::Error::Api(status) if status.code == 404 => Failure::NotFound(format!("{}/{name}", self.namespace)),
            kube::Error::Api(status) if matches!(status.code, 401 | 403) => Failure::Forbidden(status.message.clone()),
            other => Failure::Unreachable(other.to_string()),
        }
    }
}

/// A server of the user's own has nothing there, and not everybody may ask through the apiserver.
async fn ask(client: &Client, path: &str) -> Option<Said> {
    let request = http::Request::get(path).body(Vec::new()).ok()?;
    let text = client.request_text(request).await.ok()?;
    serde_json::from_str(&text).ok()
}
