//! Foreign objects: something of a child's name is there already and is somebody else's. Not one byte of it changes, whatever is
//! done with the service; the status says which object it is; and all is well by itself when it goes away.

mod objects;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use realtime_tests::Child;
use serde_json::{Value, json};

use crate::{Ground, routes, specs, state::LIMIT, summary::Tally, workers};

const WORKERS: usize = 16;

/// Whose the object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Nobody,
    AnotherController,
    AnotherService,
    /// The operator's own, as its chart or its own field manager made it, and of no service.
    TheOperator,
}

const OWNERS: [Owner; 4] = [Owner::Nobody, Owner::AnotherController, Owner::AnotherService, Owner::TheOperator];

/// What is done with the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// It is created, and later the object goes away.
    Create,
    Update,
    Delete,
}

struct Case {
    child: Child,
    owner: Owner,
    act: Act,
}

/// Runs it.
///
/// # Errors
/// When it cannot be run at all.
pub async fn run(tally: &mut Tally) -> Result<()> {
    let ground = Ground::new("foreign").await?;
    let _served = routes::serve(&ground.client, &ground.namespace);
    let mut operator = ground.operator("operator").await?;
    let owners = Child::all().flat_map(|child| OWNERS.map(|owner| (child, owner)));
    let all =
        owners.flat_map(|(child, owner)| [Act::Create, Act::Update, Act::Delete].map(|act| Case { child, owner, act }));
    let mut cases: Vec<Case> = all.collect();
    cases.shuffle(&mut StdRng::seed_from_u64(tally.seed));
    cases.truncate(tally.choose(WORKERS, usize::MAX));
    let mut slowest = Duration::ZERO;
    let one = async |case: &Case, name: &str| one(&ground, case, name).await;
    workers::each(&ground, ("x", WORKERS), cases, one, |case, outcome| {
        slowest = slowest.max(*outcome.as_ref().unwrap_or(&Duration::ZERO));
        let Case { child, owner, act } = case;
        tally.case(&format!("{} of {owner:?}, {act:?}", child.kind), outcome.map(drop));
    })
    .await;
    tally.fact(format!("healed at the latest {} s after it was gone", slowest.as_secs()));
    tally.ends_well(&ground, &mut operator);
    Ok(())
}

fn spec(child: Child, name: &str) -> Value {
    match child.kind {
        "GCPBackendPolicy" | "HealthCheckPolicy" | "HTTPRoute" => specs::by_gateway(name),
        _ => specs::rich(name),
    }
}

async fn one(ground: &Ground, case: &Case, name: &str) -> Result<Duration> {
    let Case { child, owner, act } = case;
    let outcome = staged(ground, case, name).await;
    let api = child.api(&ground.client, &ground.namespace);
    if api.get_opt(&child.name(name)).await?.is_some() {
        let _ = api.delete(&child.name(name), &DeleteParams::background()).await;
    }
    let _ = ground.services().delete(&other(name), &DeleteParams::background()).await;
    let _ = (owner, act);
    outcome
}

fn other(name: &str) -> String {
    format!("of{name}")
}

async fn staged(ground: &Ground, case: &Case, name: &str) -> Result<Duration> {
    let Case { child, owner, act } = *case;
    place(ground, child, owner, name).await.context("cannot place the object")?;
    let api = child.api(&ground.client, &ground.namespace);
    let before = at_rest(ground, child, name).await?;
    let from = ground.proxy.record().len();
    ground.apply(name, &spec(child, name)).await?;
    in_the_way(ground, child, name).await?;
    match act {
        Act::Create => {}
        Act::Update => {
            let mut spec = spec(child, name);
            spec["path"] = json!("/elsewhere");
            spec["timeouts"] = json!({"maxConnectionAge": "3h"});
            ground.apply(name, &spec).await?;
            in_the_way(ground, child, name).await?;
        }
        Act::Delete => {
            ground.services().delete(name, &DeleteParams::background()).await?;
            let end = Instant::now() + LIMIT;
            while ground.raw(name).await?.keys().any(|kind| *kind != child.kind) {
                ensure!(Instant::now() < end, "the other children stay");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            // Whoever would take the object along is fast by now.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    let now = serde_json::to_value(api.get(&child.name(name)).await.context("the object is gone")?)?;
    let changed = crate::state::first_difference(&before, &without_status(now), child.kind);
    ensure!(changed.is_none(), "it was changed: {}", changed.unwrap_or_default());
    let written = ground.proxy.record().since(from, |it| {
        it.asked.plural == child.plural
            && it.asked.name == child.name(name)
            && it.asked.verb.writes()
            && matches!(it.code, 200..300)
    });
    ensure!(written.is_empty(), "it was written: {written:?}");
    if act == Act::Delete {
        return Ok(Duration::ZERO);
    }
    api.delete(&child.name(name), &DeleteParams::background()).await?;
    let gone = Instant::now();
    loop {
        let there = ground.raw(name).await?;
        let uid = ground.services().get(name).await?.uid();
        let ours = there
            .get(child.kind)
            .is_some_and(|it| it["metadata"]["ownerReferences"][0]["uid"].as_str() == uid.as_deref());
        if ours && programmed(ground, name).await?.1 != "ForeignObject" {
            return Ok(gone.elapsed());
        }
        ensure!(gone.elapsed() < LIMIT, "it does not heal");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

async fn place(ground: &Ground, child: Child, owner: Owner, name: &str) -> Result<()> {
    let mut object = objects::unlike(child.kind);
    object["apiVersion"] = json!(child.api_version());
    object["kind"] = json!(child.kind);
    object["metadata"] = json!({"name": child.name(name), "annotations": {"somebody": "was here"}});
    let controller = |version: &str, kind: &str, name: &str, uid: Option<String>| json!([{"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": true}]);
    let managed = json!({"app.kubernetes.io/managed-by": "realtime-operator", "app.kubernetes.io/instance": name});
    match owner {
        Owner::Nobody => {}
        Owner::AnotherController => {
            let uid = ground.uid_of_account().await?;
            object["metadata"]["ownerReferences"] = controller("v1", "ServiceAccount", "realtime-operator", uid);
        }
        Owner::AnotherService => {
            let mut spec = specs::plain(&other(name));
            // So that it does not prune what it is given.
            spec["paused"] = json!(true);
            let other = ground.apply(&other(name), &spec).await?;
            object["metadata"]["labels"] = managed;
            object["metadata"]["ownerReferences"] =
                controller("realtime-operator.dev/v1alpha1", "RealtimeService", &other.name_any(), other.uid());
        }
        Owner::TheOperator => object["metadata"]["labels"] = managed,
    }
    let api = child.api(&ground.client, &ground.namespace);
    if owner == Owner::TheOperator {
        let manager = PatchParams::apply("realtime-operator").force();
        api.patch(&child.name(name), &manager, &Patch::Apply(object)).await?;
    } else {
        api.create(
            &PostParams { field_manager: Some("somebody".to_owned()), ..PostParams::default() },
            &serde_json::from_value(object)?,
        )
        .await?;
    }
    Ok(())
}

/// The object when its own controllers have done their part.
async fn at_rest(ground: &Ground, child: Child, name: &str) -> Result<Value> {
    let api = child.api(&ground.client, &ground.namespace);
    let (mut last, mut since) = (Value::Null, Instant::now());
    let end = Instant::now() + LIMIT;
    loop {
        let now = serde_json::to_value(api.get(&child.name(name)).await?)?;
        // The Deployment controller writes an annotation, and late where the machine is slow.
        let seen = child.kind != "Deployment" || now["status"]["observedGeneration"] == now["metadata"]["generation"];
        let now = without_status(now);
        if now != last || !seen {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() > Duration::from_secs(1) {
            return Ok(last);
        }
        ensure!(Instant::now() < end, "the object itself does not come to rest");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Controllers write a status, and with it a resource version, whenever they like.
fn without_status(mut object: Value) -> Value {
    if object["status"].is_object() {
        object["status"] = Value::Null;
        object["metadata"]["resourceVersion"] = Value::Null;
        let fields = object["metadata"]["managedFields"].as_array_mut();
        fields.into_iter().for_each(|fields| fields.retain(|it| it["subresource"] != "status"));
    }
    object
}

async fn programmed(ground: &Ground, name: &str) -> Result<(String, String, String)> {
    let service = ground.services().get(name).await?;
    let generation = service.metadata.generation;
    let conditions = service.status.map(|status| status.conditions).unwrap_or_default();
    let of = conditions.into_iter().find(|it| it.type_ == "Programmed" && it.observed_generation == generation);
    Ok(of.map_or_else(Default::default, |it| (it.status, it.reason, it.message)))
}

/// Waits until the status says which object is in the way.
async fn in_the_way(ground: &Ground, child: Child, name: &str) -> Result<()> {
    let end = Instant::now() + LIMIT;
    loop {
        let (status, reason, message) = programmed(ground, name).await?;
        if status == "False" && reason == "ForeignObject" {
            let named = format!("{} {}", child.kind, child.name(name));
            ensure!(message.contains(&named), "{named} is not named: {message}");
            return Ok(());
        }
        if Instant::now() >= end {
            bail!("it is not said: {status} {reason} {message}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
