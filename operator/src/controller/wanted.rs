//! What people want: the watch of the services, and whom it concerns when one of them leaves its place.

use std::{collections::BTreeSet, sync::Arc};

use futures::{Stream, StreamExt, TryStreamExt};
use kube::{
    Api, ResourceExt,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use realtime_crds::RealtimeService;
use tokio::sync::watch;

use super::Context;
use crate::{
    claims::Claimant,
    kept::Kept,
    metrics::Watched,
    packed::Pattern,
    watches::{PAGE, Patience, Touched, touch},
};

/// The controllers of all scopes, by namespace; `None` is the whole cluster.
#[derive(Clone)]
pub(super) struct Listeners(pub(super) Arc<[(Option<String>, Touched)]>);

impl Listeners {
    /// The controller of a scope.
    pub(super) fn of(&self, namespace: Option<&str>) -> Touched {
        let found = self.0.iter().find(|(scope, _)| scope.as_deref() == namespace);
        found.map(|(_, touched)| touched.clone()).expect("every scope has a controller")
    }

    /// Has a service looked at again.
    pub(super) fn tell(&self, (namespace, name): &Claimant) {
        for (_, touched) in self.0.iter().filter(|(scope, _)| scope.as_ref().is_none_or(|scope| scope == namespace)) {
            touch(touched, namespace, name);
        }
    }
}

/// The services of one scope.
pub(super) struct Wanted {
    pub(super) ctx: Arc<Context>,
    pub(super) namespace: Option<String>,
    /// Turns true when the first list is in.
    pub(super) listing: watch::Sender<bool>,
    pub(super) listeners: Listeners,
}

impl Wanted {
    /// The watch, with the claims kept current on the way, and what is kept of each service.
    pub(super) fn services(self) -> impl Stream<Item = watcher::Result<Event<Kept>>> + Send {
        let api: Api<RealtimeService> = match &self.namespace {
            Some(namespace) => Api::namespaced(self.ctx.client.clone(), namespace),
            None => Api::all(self.ctx.client.clone()),
        };
        let mut listed = BTreeSet::new();
        let services =
            watcher(api, watcher::Config::default().page_size(PAGE)).backoff(Patience::default()).modify(slim);
        let mut pattern = Pattern::default();
        let followed = services.inspect(move |event| match event {
            Ok(event) => self.take(event, &mut listed),
            Err(_) => self.ctx.metrics.interrupted(Watched::Services),
        });
        followed.map_ok(move |event| kept(event, &mut pattern))
    }

    fn take(&self, event: &Event<RealtimeService>, listed: &mut BTreeSet<Claimant>) {
        let (claims, services) = (&self.ctx.claims, &self.ctx.metrics.services);
        let key = |service: &RealtimeService| (service.namespace().unwrap_or_default(), service.name_any());
        let concerned = match event {
            Event::Init => {
                listed.clear();
                Vec::new()
            }
            Event::InitApply(service) => {
                listed.insert(key(service));
                self.forget(services.put(service));
                claims.put(service)
            }
            Event::InitDone => {
                self.forget(services.keep_only(self.namespace.as_deref(), listed));
                let concerned = claims.keep_only(self.namespace.as_deref(), listed);
                listed.clear();
                self.listing.send_replace(true);
                concerned
            }
            Event::Apply(service) => {
                self.forget(services.put(service));
                claims.put(service)
            }
            Event::Delete(service) => {
                self.forget(services.delete(&key(service)));
                let mut concerned = claims.delete(&key(service));
                concerned.retain(|other| *other != key(service));
                concerned
            }
        };
        concerned.iter().for_each(|service| self.listeners.tell(service));
    }

    fn forget(&self, gone: impl IntoIterator<Item = String>) {
        gone.into_iter().for_each(|uid| self.ctx.forget(&uid));
    }
}

fn kept(event: Event<RealtimeService>, pattern: &mut Pattern) -> Event<Kept> {
    match event {
        Event::Init => Event::Init,
        Event::InitApply(service) => Event::InitApply(Kept::of(&service, pattern)),
        Event::InitDone => Event::InitDone,
        Event::Apply(service) => Event::Apply(Kept::of(&service, pattern)),
        Event::Delete(service) => Event::Delete(Kept::of(&service, pattern)),
    }
}

/// Takes out what nobody reads here: it would be kept for every service, and is more than all the rest.
fn slim(service: &mut RealtimeService) {
    service.metadata.managed_fields = None;
    if let Some(annotations) = &mut service.metadata.annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
}
