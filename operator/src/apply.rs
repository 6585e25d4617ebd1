//! I/O: the plan → the cluster. Sends what the cache does not show yet, takes away what is planned no longer.

mod insistence;

pub(crate) use insistence::Insistence;

use std::{collections::BTreeMap, sync::Arc};

use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy},
    core::{DynamicObject, Status},
};
use serde_json::json;

use crate::{
    children::{Key, Live, Seen},
    controller::Context,
    drift,
    inputs::Inputs,
    metrics::Verb,
    plan::{Child, Kind, MANAGER, Plan},
    request::Request,
    transition,
};

/// What became of a planned child.
#[derive(Debug)]
pub enum Outcome {
    /// The cluster had it already; nothing was sent.
    Unchanged,
    /// It was not there.
    Created,
    /// It differed.
    Updated,
    /// It is on its way out; it is created again when it is gone.
    Leaving,
    /// It needs another child, which belongs to somebody else; nothing was sent.
    Blocked,
    /// An object of that name belongs to somebody else; it was left alone. Says to whom.
    Foreign(String),
    /// The cluster does not know the kind.
    KindMissing,
    /// The apiserver refused or failed the request.
    Failed(kube::Error),
}

/// A planned child after its turn.
#[derive(Debug)]
pub struct AppliedChild {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How the cluster has it now.
    pub live: Option<Arc<Live>>,
}

/// A plan that was carried out as far as it could be. Only [`apply`] makes one, so status speaks of applied things alone.
#[derive(Debug)]
pub struct Applied {
    /// The planned children.
    pub children: Vec<AppliedChild>,
    /// What was taken away.
    pub pruned: Vec<Key>,
    /// What should have been taken away and was not.
    pub not_pruned: Vec<(Key, kube::Error)>,
    /// What stays until the new way in carries traffic.
    pub kept: Vec<Key>,
}

pub(crate) async fn apply(ctx: &Context, inputs: &Inputs, plan: Plan) -> Applied {
    let mut stale: BTreeMap<Key, Arc<Live>> = inputs.live.clone();
    let mut planned = plan.into_children();
    let kept = transition::keep(&mut planned, &inputs.live);
    stale.retain(|key, _| !kept.contains(key));
    let mut children = Vec::new();
    for child in planned {
        let live = stale.remove(&(child.kind, child.name.clone()));
        let (outcome, live) = if inputs.missing_kinds.contains(&child.kind) {
            (Outcome::KindMissing, None)
        } else if waits(child.kind, &children) {
            (Outcome::Blocked, live)
        } else {
            one(ctx, inputs, &child, live).await
        };
        children.push(AppliedChild { kind: child.kind, name: child.name, outcome, live });
    }
    let (mut pruned, mut not_pruned) = (Vec::new(), Vec::new());
    // Only behind a plan that is in place: what is still served is not taken away for something that could not be applied.
    if !children.iter().any(|child| matches!(child.outcome, Outcome::Failed(_))) {
        for (key, live) in stale.into_iter().filter(|(_, live)| !live.deleting) {
            match delete(ctx, inputs, &key, &live).await {
                Ok(()) => pruned.push(key),
                Err(error) => not_pruned.push((key, error)),
            }
        }
    }
    Applied { children, pruned, not_pruned, kept: kept.into_iter().collect() }
}

/// Whether something that this kind relies on belongs to somebody else: it would hand out their rights or expose their pods.
fn waits(kind: Kind, applied: &[AppliedChild]) -> bool {
    let in_the_way = |child: &&AppliedChild| matches!(child.outcome, Outcome::Foreign(_) | Outcome::Blocked);
    applied.iter().filter(in_the_way).any(|child| kind.relies_on().contains(&child.kind))
}

async fn one(ctx: &Context, inputs: &Inputs, child: &Child, live: Option<Arc<Live>>) -> (Outcome, Option<Arc<Live>>) {
    match live {
        Some(live) if live.deleting => (Outcome::Leaving, Some(live)),
        Some(live) if !drift::differs(&child.object, &live.object, &live.owned) => (Outcome::Unchanged, Some(live)),
        Some(live) if ctx.insistence.knows(child, &live) => (Outcome::Unchanged, Some(live)),
        Some(live) => match update(ctx, inputs, child, &live).await {
            Ok(now) => (Outcome::Updated, now),
            Err(error) => (Outcome::Failed(error), Some(live)),
        },
        None => create(ctx, inputs, child).await,
    }
}

async fn update(ctx: &Context, inputs: &Inputs, child: &Child, live: &Live) -> Result<Option<Arc<Live>>, kube::Error> {
    if let Some(handover) = handover(child, live) {
        let manager = PatchParams::apply(HANDOVER).force();
        let api = api(ctx, inputs, child.kind);
        let request = asked(Verb::Handover, child.kind, &child.name);
        request.send(&ctx.metrics, api.patch(&child.name, &manager, &Patch::Apply(&handover))).await?;
    }
    if let Some(object) = drift::before(&child.object, &live.object) {
        send(ctx, inputs, &Child { object, ..child.clone() }, json!({"uid": live.uid})).await?;
    }
    send(ctx, inputs, child, json!({"uid": live.uid})).await
}

/// Field manager of a value that is given up and has to stay what it is.
const HANDOVER: &str = "realtime-operator-handover";

/// A field that its only manager takes out of its apply falls back to its default, and one pod is left of many. So before a
/// HorizontalPodAutoscaler takes over, the number of pods gets a second manager.
fn handover(child: &Child, live: &Live) -> Option<serde_json::Value> {
    let given_up = child.kind == Kind::Deployment
        && child.object["spec"]["replicas"].is_null()
        && !live.owned["f:spec"]["f:replicas"].is_null();
    given_up.then(|| {
        json!({
            "apiVersion": child.object["apiVersion"], "kind": child.object["kind"],
            "metadata": {"name": child.name, "uid": live.uid},
            "spec": {"replicas": live.object["spec"]["replicas"]},
        })
    })
}

/// Creates and never adopts: a resource version that no object has lets the apiserver create, and answer 409 where
/// something of that name is there.
async fn create(ctx: &Context, inputs: &Inputs, child: &Child) -> (Outcome, Option<Arc<Live>>) {
    match send(ctx, inputs, child, json!({"resourceVersion": "1"})).await {
        Ok(now) => (Outcome::Created, now),
        Err(kube::Error::Api(status)) if status.is_conflict() => whose(ctx, inputs, child, status).await,
        Err(error) => (Outcome::Failed(error), None),
    }
}

/// Something of that name is there and the cache does not have it: somebody else's, or ours without its label.
async fn whose(ctx: &Context, inputs: &Inputs, child: &Child, conflict: Box<Status>) -> (Outcome, Option<Arc<Live>>) {
    let api = api(ctx, inputs, child.kind);
    let request = asked(Verb::Get, child.kind, &child.name);
    let there = match request.send(&ctx.metrics, api.get_opt(&child.name)).await {
        Ok(Some(there)) => there,
        // Gone meanwhile, and no watch tells of it.
        Ok(None) => return (Outcome::Failed(kube::Error::Api(conflict)), None),
        Err(error) => return (Outcome::Failed(error), None),
    };
    let owner = there.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true)).cloned();
    let uid = inputs.service.metadata.uid.as_deref();
    match (owner, Live::of(there)) {
        (Some(owner), Some(live)) if Some(owner.uid.as_str()) == uid => {
            match send(ctx, inputs, child, json!({"uid": live.uid})).await {
                Ok(now) => (Outcome::Updated, now),
                Err(error) => (Outcome::Failed(error), None),
            }
        }
        // Of a service of the same name that was deleted; the garbage collector is on its way.
        (Some(owner), Some(live)) if live.owner.0 == inputs.service.name_any() && owner.kind == "RealtimeService" => {
            (Outcome::Leaving, None)
        }
        (Some(owner), _) => (Outcome::Foreign(format!("{} {} controls it", owner.kind, owner.name)), None),
        (None, _) => (Outcome::Foreign("no controller owns it".to_owned()), None),
    }
}

async fn send(
    ctx: &Context,
    inputs: &Inputs,
    child: &Child,
    precondition: serde_json::Value,
) -> Result<Option<Arc<Live>>, kube::Error> {
    let mut object = child.object.clone();
    if let (Some(meta), Some(precondition)) = (object["metadata"].as_object_mut(), precondition.as_object()) {
        meta.extend(precondition.clone());
    }
    let force = PatchParams::apply(MANAGER).force();
    let (api, patch) = (api(ctx, inputs, child.kind), Patch::Apply(&object));
    let request = asked(Verb::Apply, child.kind, &child.name);
    let answer = request.send(&ctx.metrics, api.patch(&child.name, &force, &patch)).await?;
    let live = Live::of(answer.clone()).map(Arc::new);
    match &live {
        Some(live) if drift::differs(&child.object, &live.object, &live.owned) => ctx.insistence.remember(child, live),
        Some(live) => ctx.insistence.forget(live),
        None => {}
    }
    ctx.children.put(child.kind, Seen::of(answer));
    Ok(live)
}

async fn delete(ctx: &Context, inputs: &Inputs, key: &Key, live: &Live) -> Result<(), kube::Error> {
    let this_one = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(Preconditions { uid: Some(live.uid.clone()), resource_version: None }),
        ..DeleteParams::default()
    };
    let (kind, name) = key;
    let api = api(ctx, inputs, *kind);
    match asked(Verb::Delete, *kind, name).send(&ctx.metrics, api.delete(name, &this_one)).await {
        Ok(_) => {
            ctx.insistence.forget(live);
            Ok(())
        }
        // Gone already, or another object by now: either way nothing of ours is left.
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(kube::Error::Api(status)) if status.is_conflict() && !is_cached(ctx, inputs, key, live) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the cache still has this very object.
fn is_cached(ctx: &Context, inputs: &Inputs, key: &Key, live: &Live) -> bool {
    ctx.children.has(inputs.service.metadata.uid.as_deref().unwrap_or_default(), key, &live.uid)
}

const fn asked(verb: Verb, kind: Kind, name: &str) -> Request<'_> {
    Request { verb, kind: kind.as_str(), name }
}

fn api(ctx: &Context, inputs: &Inputs, kind: Kind) -> Api<DynamicObject> {
    let namespace = inputs.service.metadata.namespace.as_deref().expect("RealtimeService is namespaced");
    Api::namespaced_with(ctx.client.clone(), namespace, &kind.api_resource())
}

impl Applied {
    /// What a paused service has: each planned child as the cluster has it, and nothing sent.
    pub(crate) fn untouched(inputs: &Inputs, plan: Plan) -> Self {
        let as_it_is = |child: Child| {
            let live = inputs.live.get(&(child.kind, child.name.clone())).cloned();
            AppliedChild { kind: child.kind, name: child.name, outcome: Outcome::Unchanged, live }
        };
        Self {
            children: plan.into_children().into_iter().map(as_it_is).collect(),
            pruned: Vec::new(),
            not_pruned: Vec::new(),
            kept: Vec::new(),
        }
    }
}
