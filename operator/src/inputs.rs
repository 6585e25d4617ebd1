//! What a reconcile starts from: the resource, what the cluster has of it, which kinds are installed.

use std::{collections::BTreeMap, sync::Arc};

use kube::ResourceExt;
use realtime_crds::RealtimeService;

use crate::{
    children::{Key, Live},
    claims::Claimant,
    controller::Context,
    fleet::Pod,
    plan::Kind,
};

/// The inputs of one reconcile. All come from watches; reading them sends no request.
pub(crate) struct Inputs {
    pub(crate) service: Arc<RealtimeService>,
    pub(crate) live: BTreeMap<Key, Arc<Live>>,
    pub(crate) missing_kinds: Vec<Kind>,
    pub(crate) pods: BTreeMap<String, Pod>,
    /// Another service that serves this host and path already.
    pub(crate) holder: Option<Claimant>,
}

pub(crate) fn read(ctx: &Context, service: Arc<RealtimeService>) -> Inputs {
    let live = ctx.children.of(&service.uid().unwrap_or_default());
    let missing_kinds = ctx
        .definitions
        .iter()
        .filter(|(_, installed)| *installed.borrow() != Some(true))
        .map(|(kind, _)| *kind)
        .collect();
    let namespace = service.namespace().unwrap_or_default();
    let pods = ctx.fleet.of(&namespace, &service.name_any(), service.metadata.generation.unwrap_or(0));
    let holder = ctx.claims.holder(&service);
    Inputs { service, live, missing_kinds, pods, holder }
}
