//! One kind, watched.

use std::{collections::HashMap, fmt, hash::Hash, sync::Arc};

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
    /// Whether the store holds what was there when it began, or holds nothing because the kind is not there.
    filled: watch::Receiver<bool>,
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
        let mut writer = Writer::new(kind);
        let (is_filled, filled) = watch::channel(false);
        let store = writer.as_reader();
        let list = ListParams { field_selector: config.field_selector.clone(), ..ListParams::default() };
        let (api_of_watch, changes) = (api.clone(), changes.clone());
        watches.spawn(async move { watch(api_of_watch, config, &mut writer, &is_filled, &changes).await });
        Self { api, list, store, filled }
    }

    pub(super) fn state(&self) -> Vec<Arc<K>> {
        self.store.state()
    }

    /// Returns when the store holds what the apiserver held when this was called.
    pub(super) async fn caught_up(&self, changes: &watch::Sender<u64>) -> Result<(), kube::Error> {
        let mut filled = self.filled.clone();
        // The sender lives as long as the watch, and that as long as this.
        let _ = filled.wait_for(|filled| *filled).await;
        let listed = match self.api.list_metadata(&self.list).await {
            Ok(list) => versions(list.items.iter()),
            Err(kube::Error::Api(status)) if status.code == 404 => HashMap::new(),
            Err(error) => return Err(error),
        };
        let at_first = versions(self.state().iter().map(AsRef::as_ref));
        let mut ever = at_first.clone();
        let mut changes = changes.subscribe();
        loop {
            let now = versions(self.state().iter().map(AsRef::as_ref));
            ever.extend(now.clone());
            // What is no longer there but was seen has been deleted meanwhile.
            let has_listed =
                listed.iter().all(|(uid, version)| now.get(uid).map_or(ever.contains_key(uid), |held| held >= version));
            let has_lost = at_first.iter().all(|(uid, version)| {
                listed.contains_key(uid) || now.get(uid).is_none_or(|held| held > version)
            });
            if has_listed && has_lost {
                return Ok(());
            }
            let _ = changes.changed().await;
        }
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
        let mut writer = Writer::new(kind);
        let (is_filled, filled) = watch::channel(false);
        let store = writer.as_reader();
        let (api_of_watch, changes) = (api.clone(), changes.clone());
        let (definitions, mut defined_once) = (definitions.store.clone(), definitions.filled.clone());
        watches.spawn(async move {
            let _ = defined_once.wait_for(|filled| *filled).await;
            let mut seen = changes.subscribe();
            loop {
                while !is_served(&definitions, &name) {
                    is_filled.send_replace(true);
                    let _ = seen.changed().await;
                }
                is_filled.send_replace(false);
                let removed = async {
                    while is_served(&definitions, &name) {
                        let _ = seen.changed().await;
                    }
                };
                tokio::select! {
                    () = watch(api_of_watch.clone(), watcher::Config::default(), &mut writer, &is_filled, &changes) => {}
                    () = removed => {}
                }
                writer.apply_watcher_event(&Event::Init);
                writer.apply_watcher_event(&Event::InitDone);
                changes.send_modify(|number| *number += 1);
            }
        });
        Self { api, list: ListParams::default(), store, filled }
    }
}

impl<K: Lookup + Clone + 'static> fmt::Debug for Source<K>
where
    K::DynamicType: Eq + Hash + Clone,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("objects", &self.store.len()).finish_non_exhaustive()
    }
}

async fn watch<K>(
    api: Api<K>,
    config: watcher::Config,
    writer: &mut Writer<K>,
    is_filled: &watch::Sender<bool>,
    changes: &watch::Sender<u64>,
) where
    K: Resource + Lookup<DynamicType = <K as Resource>::DynamicType>,
    K: Clone + fmt::Debug + DeserializeOwned + Send + Sync + 'static,
    <K as Resource>::DynamicType: Clone + Eq + Hash,
{
    let events = watcher(api, config).default_backoff();
    pin_mut!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                writer.apply_watcher_event(&event);
                match event {
                    Event::Init | Event::InitApply(_) => {}
                    Event::InitDone => {
                        is_filled.send_replace(true);
                        changes.send_modify(|number| *number += 1);
                    }
                    Event::Apply(_) | Event::Delete(_) => changes.send_modify(|number| *number += 1),
                }
            }
            Err(error) => tracing::warn!(%error, "a watch failed; it begins again"),
        }
    }
}

fn is_served(definitions: &Store<CustomResourceDefinition>, name: &str) -> bool {
    definitions.state().iter().any(|definition| {
        let conditions = definition.status.iter().flat_map(|status| status.conditions.iter().flatten());
        definition.name_any() == name
            && conditions.into_iter().any(|condition| condition.type_ == "Established" && condition.status == "True")
    })
}

/// Resource versions by uid; they are numbers that grow.
fn versions<'a, K: Resource + 'a>(objects: impl Iterator<Item = &'a K>) -> HashMap<String, u64> {
    let version = |object: &K| {
        let meta = object.meta();
        Some((meta.uid.clone()?, meta.resource_version.as_ref()?.parse().ok()?))
    };
    objects.filter_map(version).collect()
}
