//! One kind, watched.

use std::{collections::HashSet, fmt, hash::Hash, sync::Arc};

use futures::{StreamExt, pin_mut};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Resource, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams},
    runtime::{
        WatchStreamExt,
        reflector::{Lookup, Store, store::Writer},
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::{sync::watch, task::JoinSet};

/// One kind, watched.
pub(super) struct Source<K: Lookup + Clone + 'static>
where
    K::DynamicType: Eq + Hash + Clone,
{
    api: Api<K>,
    list: ListParams,
    store: Store<K>,
    seen: watch::Receiver<Seen>,
}

/// How far the store is.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// How many lists were begun.
    begun: u64,
    /// How many of them were complete when the last complete one was.
    complete: u64,
    /// The highest resource version of all objects that were told of, those among them that were deleted.
    highest: u64,
}

impl Seen {
    fn is_complete(&self) -> bool {
        self.complete > 0 && self.complete == self.begun
    }
}

/// What the events of a watch go to.
struct Sink<K: Lookup + Clone + 'static>
where
    K::DynamicType: Eq + Hash + Clone,
{
    writer: Writer<K>,
    seen: watch::Sender<Seen>,
    changes: watch::Sender<u64>,
}

impl<K> Source<K>
where
    K: Resource + Lookup<DynamicType = <K as Resource>::DynamicType>,
    K: Clone + fmt::Debug + DeserializeOwned + Send + Sync + 'static,
    <K as Resource>::DynamicType: Clone + Eq + Hash + Send + Sync,
{
    pub(super) fn begin(
        api: Api<K>,
        kind: <K as Resource>::DynamicType,
        config: watcher::Config,
        changes: &watch::Sender<u64>,
        watches: &mut JoinSet<()>,
    ) -> Self {
        let list = ListParams { field_selector: config.field_selector.clone(), ..ListParams::default() };
        let (source, mut sink) = Self::new(api.clone(), list, kind, changes);
        watches.spawn(async move { sink.follow(api, config).await });
        source
    }

    fn new(
        api: Api<K>,
        list: ListParams,
        kind: <K as Resource>::DynamicType,
        changes: &watch::Sender<u64>,
    ) -> (Self, Sink<K>) {
        let writer = Writer::new(kind);
        let (sender, seen) = watch::channel(Seen::default());
        let source = Self { api, list, store: writer.as_reader(), seen };
        (source, Sink { writer, seen: sender, changes: changes.clone() })
    }

    pub(super) fn state(&self) -> Vec<Arc<K>> {
        self.store.state()
    }

    /// Returns when the store holds what the apiserver held when this was called.
    pub(super) async fn caught_up(&self) -> Result<(), kube::Error> {
        let mut seen = self.seen.clone();
        // The sender lives as long as the watch, and that as long as this.
        let at_first = seen.wait_for(Seen::is_complete).await.map(|seen| *seen).unwrap_or_default();
        let before = uids(self.state().iter().map(AsRef::as_ref));
        let (listed, highest) = match self.api.list_metadata(&self.list).await {
            Ok(list) => (uids(list.items.iter()), list.items.iter().map(version).max().unwrap_or(0)),
            Err(kube::Error::Api(status)) if status.code == 404 => (HashSet::new(), 0),
            Err(error) => return Err(error),
        };
        let is_there = |seen: &Seen| {
            // Events come in the order of their versions. Who watches anew learns of deletions from the list alone.
            let has_heard = seen.highest >= highest || seen.complete > at_first.begun;
            let now = uids(self.state().iter().map(AsRef::as_ref));
            has_heard && before.difference(&listed).all(|deleted| !now.contains(deleted))
        };
        let _ = seen.wait_for(is_there).await;
        Ok(())
    }
}

impl Source<DynamicObject> {
    /// For a kind that the cluster may lack: watched from the moment on at which it is served.
    pub(super) fn begin_when_defined(
        api: Api<DynamicObject>,
        kind: ApiResource,
        definitions: &Source<CustomResourceDefinition>,
        changes: &watch::Sender<u64>,
        watches: &mut JoinSet<()>,
    ) -> Self {
        let name = format!("{}.{}", kind.plural, kind.group);
        let (source, mut sink) = Self::new(api.clone(), ListParams::default(), kind, changes);
        let (definitions, mut defined) = (definitions.store.clone(), definitions.seen.clone());
        watches.spawn(async move {
            loop {
                let is_known = |seen: &Seen| seen.is_complete();
                let _ = defined.wait_for(is_known).await;
                if !is_served(&definitions, &name) {
                    sink.clear();
                    let _ = defined.wait_for(|_| is_served(&definitions, &name)).await;
                }
                tokio::select! {
                    () = sink.follow(api.clone(), watcher::Config::default()) => {}
                    _ = defined.wait_for(|_| !is_served(&definitions, &name)) => {}
                }
            }
        });
        source
    }
}

impl<K> Sink<K>
where
    K: Resource + Lookup<DynamicType = <K as Resource>::DynamicType>,
    K: Clone + fmt::Debug + DeserializeOwned + Send + Sync + 'static,
    <K as Resource>::DynamicType: Clone + Eq + Hash,
{
    async fn follow(&mut self, api: Api<K>, config: watcher::Config) {
        let events = watcher(api, config).default_backoff();
        pin_mut!(events);
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.take(&event),
                Err(error) => tracing::warn!(%error, "a watch failed; it begins again"),
            }
        }
    }

    fn clear(&mut self) {
        self.take(&Event::Init);
        self.take(&Event::InitDone);
    }

    /// The store first, then who waits for it.
    fn take(&mut self, event: &Event<K>) {
        self.writer.apply_watcher_event(event);
        self.seen.send_modify(|seen| match event {
            Event::Init => seen.begun += 1,
            Event::InitDone => seen.complete = seen.begun,
            Event::InitApply(object) | Event::Apply(object) | Event::Delete(object) => {
                seen.highest = seen.highest.max(version(object));
            }
        });
        match event {
            Event::Init | Event::InitApply(_) => {}
            Event::InitDone | Event::Apply(_) | Event::Delete(_) => self.changes.send_modify(|number| *number += 1),
        }
    }
}

impl<K: Lookup + Clone + 'static> fmt::Debug for Source<K>
where
    K::DynamicType: Eq + Hash + Clone,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("seen", &self.seen.borrow()).finish_non_exhaustive()
    }
}

fn is_served(definitions: &Store<CustomResourceDefinition>, name: &str) -> bool {
    definitions.state().iter().any(|definition| {
        let conditions = definition.status.iter().flat_map(|status| status.conditions.iter().flatten());
        definition.name_any() == name
            && conditions.into_iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
    })
}

fn uids<'a, K: Resource + 'a>(objects: impl Iterator<Item = &'a K>) -> HashSet<String> {
    objects.filter_map(|object| object.meta().uid.clone()).collect()
}

/// Resource versions are numbers that grow.
fn version<K: Resource>(object: &K) -> u64 {
    object.meta().resource_version.as_ref().and_then(|version| version.parse().ok()).unwrap_or(0)
}
