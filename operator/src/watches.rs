//! I/O: the watches that keep [`Children`] current and say which service to look at again.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::{StreamExt, TryStreamExt, channel::mpsc::UnboundedSender};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt,
        conditions::is_crd_established,
        reflector::ObjectRef,
        utils::Backoff,
        wait::Condition,
        watcher::{self, DefaultBackoff, Event, watcher},
    },
};
use tokio::sync::watch;

use crate::{
    children::{Children, Seen},
    kept::Kept,
    metrics::{Metrics, Verb, Watched},
    plan::{Kind, LABEL_MANAGED_BY, MANAGER},
    request::Request,
};

/// How long an interrupted watch pauses. After an outage drift is not seen before the watch is back, and that takes two
/// attempts, since the first one is told that its place in the history is gone.
#[derive(Default)]
pub(crate) struct Patience(DefaultBackoff);

/// How many objects a list brings at once: all of them are in memory for a moment.
pub(crate) const PAGE: u32 = 100;

const LONGEST_PAUSE: Duration = Duration::from_secs(8);

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|pause| pause.min(LONGEST_PAUSE))
    }
}

impl Backoff for Patience {
    fn reset(&mut self) {
        self.0.reset();
    }
}

/// Whom a watch tells that a service needs another look.
pub(crate) type Touched = UnboundedSender<ObjectRef<Kept>>;

pub(crate) fn touch(touched: &Touched, namespace: &str, name: &str) {
    // A closed channel means that the controller is going; nobody has to be told any more.
    let _ = touched.unbounded_send(ObjectRef::new(name).within(namespace));
}

/// What a watch needs: where to look, where to put it, whom to tell.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) client: Client,
    pub(crate) namespace: Option<String>,
    pub(crate) children: Arc<Children>,
    pub(crate) touched: Touched,
    pub(crate) metrics: Arc<Metrics>,
}

impl Scope {
    fn tell(&self, namespace: &str, services: impl IntoIterator<Item = String>) {
        for name in services {
            touch(&self.touched, namespace, &name);
        }
    }

    /// Follows one kind until dropped; `synced` turns true when the first list is in.
    pub(crate) async fn follow(self, kind: Kind, synced: watch::Sender<bool>) {
        let resource = kind.api_resource();
        let api: Api<Seen> = match &self.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        let ours = watcher::Config::default().labels(&format!("{LABEL_MANAGED_BY}={MANAGER}")).page_size(PAGE);
        let mut events = watcher(api, ours).backoff(Patience::default()).boxed();
        self.metrics.watching(Watched::Children(kind));
        let mut listed = HashSet::new();
        loop {
            match events.try_next().await {
                Ok(Some(event)) => self.take(kind, event, &mut listed, &synced),
                Ok(None) => return,
                Err(error) => {
                    self.metrics.interrupted(Watched::Children(kind));
                    tracing::warn!(kind = kind.as_str(), %error, "watch interrupted, trying again");
                }
            }
        }
    }

    fn take(
        &self,
        kind: Kind,
        event: Event<Seen>,
        listed: &mut HashSet<(String, String)>,
        synced: &watch::Sender<bool>,
    ) {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                let meta = object.meta();
                let namespace = meta.namespace.clone().unwrap_or_default();
                listed.insert((namespace.clone(), meta.name.clone().unwrap_or_default()));
                let concerned = self.children.put(kind, object);
                // Before the first list is in, no service has been looked at, and all will be.
                if *synced.borrow() {
                    self.tell(&namespace, concerned);
                }
            }
            Event::InitDone => {
                for (namespace, services) in self.children.keep_only(kind, self.namespace.as_deref(), listed) {
                    self.tell(&namespace, [services]);
                }
                listed.clear();
                synced.send_replace(true);
            }
            Event::Apply(object) => {
                let namespace = object.meta().namespace.clone().unwrap_or_default();
                self.tell(&namespace, self.children.put(kind, object));
            }
            Event::Delete(object) => {
                let namespace = object.meta().namespace.clone().unwrap_or_default();
                self.tell(&namespace, self.children.delete(kind, &object));
            }
        }
    }
}

/// Follows whether the definition of a foreign kind is installed and served; a watch on that one name.
pub(crate) async fn follow_definition(
    client: Client,
    kind: Kind,
    definition: &'static str,
    installed: watch::Sender<Option<bool>>,
    metrics: Arc<Metrics>,
) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let only = watcher::Config::default().fields(&format!("metadata.name={definition}"));
    let mut events = watcher(api, only).backoff(Patience::default()).boxed();
    metrics.watching(Watched::Definition);
    let mut seen = false;
    loop {
        match events.try_next().await {
            Ok(Some(Event::Init)) => seen = false,
            Ok(Some(Event::InitApply(found))) => seen = is_crd_established().matches_object(Some(&found)),
            Ok(Some(Event::InitDone)) => {
                installed.send_replace(Some(seen));
            }
            Ok(Some(Event::Apply(found))) => {
                installed.send_replace(Some(is_crd_established().matches_object(Some(&found))));
            }
            Ok(Some(Event::Delete(_))) => {
                installed.send_replace(Some(false));
            }
            Ok(None) => return,
            Err(error) => {
                metrics.interrupted(Watched::Definition);
                tracing::warn!(definition, %error, "watch interrupted, trying again");
                // Without the right to watch definitions, discovery, which everybody may read, tells it once.
                if installed.borrow().is_none()
                    && let Some(found) = discovered(&client, kind, &metrics).await
                {
                    installed.send_replace(Some(found));
                }
            }
        }
    }
}

async fn discovered(client: &Client, kind: Kind, metrics: &Metrics) -> Option<bool> {
    let version = kind.api_resource().api_version;
    let request = Request { verb: Verb::Get, kind: "APIResourceList", name: &version };
    match request.send(metrics, client.list_api_group_resources(&version)).await {
        Ok(list) => Some(list.resources.iter().any(|resource| resource.kind == kind.as_str())),
        Err(kube::Error::Api(status)) if status.is_not_found() => Some(false),
        Err(_) => None,
    }
}
