//! In place of a load balancer's controller: every Ingress gets an address, and every HTTPRoute is taken.

use anyhow::Result;
use futures::{StreamExt, TryStreamExt};
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
    runtime::{WatchStreamExt, watcher},
};
use realtime_tests::Child;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Serves the routes of a namespace until dropped.
#[must_use]
pub fn serve(client: &Client, namespace: &str) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for kind in ["Ingress", "HTTPRoute"] {
        let api = Child::of(kind).api(client, namespace);
        tasks.spawn(async move {
            let mut routes =
                watcher(api.clone(), watcher::Config::default()).default_backoff().applied_objects().boxed();
            loop {
                // Interrupted, or deleted meanwhile: the watch tells anew.
                if let Ok(Some(route)) = routes.try_next().await
                    && take(&api, route.clone()).await.is_err()
                {
                    let _ = take(&api, route).await;
                }
            }
        });
    }
    tasks
}

async fn take(api: &Api<DynamicObject>, route: DynamicObject) -> Result<()> {
    let (name, generation) = (route.name_any(), route.metadata.generation);
    let is = &route.data["status"];
    let status = match route.data["spec"]["parentRefs"].as_array() {
        None if is["loadBalancer"]["ingress"].is_array() => return Ok(()),
        None => json!({"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}]}}),
        Some(_) if is["parents"][0]["conditions"][0]["observedGeneration"] == json!(generation) => return Ok(()),
        Some(parents) => json!({"parents": parents.iter().map(|parent| taken(parent, generation)).collect::<Vec<_>>()}),
    };
    let patch = Patch::Merge(json!({"status": status}));
    api.patch_status(&name, &PatchParams::default(), &patch).await?;
    Ok(())
}

fn taken(parent: &Value, generation: Option<i64>) -> Value {
    let condition = |name: &str| {
        json!({"type": name, "status": "True", "reason": name, "message": "taken", "observedGeneration": generation,
            "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    json!({"parentRef": parent, "controllerName": "example.com/gateway", "conditions": [condition("Accepted"), condition("ResolvedRefs")]})
}
