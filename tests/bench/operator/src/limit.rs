//! The limit: a client that reads nothing, knows all objects beforehand and does nothing but send them.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
    core::DynamicObject,
};
use realtime_crds::{RealtimeService, ValidService};
use realtime_operator::plan::{Child, Settings, plan};
use serde_json::{Value, json};

use crate::site::Site;

/// What it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The children.
    Children,
    /// Also one status for each service, as the operator writes it.
    ChildrenAndStatus,
}

/// On how many services it is tried out.
pub const TRIED: usize = 100;
/// How many it may have under way at once.
pub const CONCURRENCIES: [usize; 4] = [8, 16, 32, 64];
const MANAGER: &str = "bare";

/// One request.
enum Request {
    Child(Child),
    Status { name: String, status: Value },
}

impl Site {
    /// The concurrency at which it is fastest here.
    pub async fn best_concurrency(&self, services: usize) -> Result<usize> {
        let mut best = (Duration::MAX, CONCURRENCIES[0]);
        for concurrency in CONCURRENCIES {
            let took = self.limit(services, concurrency, What::Children).await?;
            eprintln!("bare client, {concurrency} at once: {:.0} ms", took.as_secs_f64() * 1000.0);
            best = best.min((took, concurrency));
        }
        Ok(best.1)
    }

    /// How many services it has sent.
    pub fn sent(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }

    /// How long it takes for so many services, reckoned from a sample of them where there are more.
    pub async fn limit_of(&self, services: usize, sample: usize, concurrency: usize, what: What) -> Result<Duration> {
        let sent = services.min(sample);
        Ok(self.limit(sent, concurrency, what).await?.mul_f64(services as f64 / sent.max(1) as f64))
    }

    /// How long it takes for so many services.
    pub async fn limit(&self, services: usize, concurrency: usize, what: What) -> Result<Duration> {
        let first = self.used.fetch_add(services, Ordering::SeqCst);
        // Without owners they would be collected as garbage.
        let owners: Vec<_> = self.bare.create(first..first + services).try_collect().await?;
        let requests: Vec<_> = owners.iter().map(|owner| requests(owner, what)).collect::<Result<_>>()?;
        self.quiet().await?;
        let client = self.bare.client().await?;
        // The connection is not part of it.
        client.apiserver_version().await?;
        let began = Instant::now();
        // In turn for each service, as a RoleBinding is refused before its Role is there; many services at once.
        let sent = stream::iter(requests).map(|of_one| send_all(&client, of_one));
        sent.buffer_unordered(concurrency).try_for_each(async |()| Ok(())).await?;
        let took = began.elapsed();
        self.quiet().await?;
        eprintln!("{services} services, {what:?}, by the bare client: {:.1} s", took.as_secs_f64());
        Ok(took)
    }
}

/// Namespace, and what is sent there.
fn requests(owner: &RealtimeService, what: What) -> Result<(String, Vec<Request>)> {
    let valid = ValidService::new(owner).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let children = plan(&valid, &Settings::default()).into_children();
    let mut requests: Vec<_> = children.into_iter().map(Request::Child).collect();
    if what == What::ChildrenAndStatus {
        let name = owner.name_any();
        requests.push(Request::Status { name: name.clone(), status: status(&name) });
    }
    Ok((owner.namespace().context("a service has a namespace")?, requests))
}

/// Of the size of the operator's own.
fn status(name: &str) -> Value {
    let types = ["Ready", "Accepted", "ResolvedRefs", "Programmed", "Available", "OriginPolicySynced", "Reconciling"];
    let conditions = types.map(|of| {
        json!({"type": of, "status": "Unknown", "reason": "AddressPending", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "message": "The objects are applied; the Ingress has no address yet. Its controller assigns it."})
    });
    json!({"observedGeneration": 1, "conditions": conditions, "url": format!("https://{name}.domain-a.com/socket.io"),
        "pods": "0/1", "replicas": 0, "selector": format!("app.kubernetes.io/instance={name},app.kubernetes.io/name=realtime-server")})
}

async fn send_all(client: &Client, (namespace, requests): (String, Vec<Request>)) -> Result<()> {
    for request in requests {
        send(client, &namespace, request).await?;
    }
    Ok(())
}

async fn send(client: &Client, namespace: &str, request: Request) -> Result<()> {
    let manager = PatchParams::apply(MANAGER).force();
    match request {
        Request::Child(Child { kind, name, object }) => {
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind.api_resource());
            api.patch(&name, &manager, &Patch::Apply(&object)).await.with_context(|| format!("{kind:?} {name}"))?;
        }
        Request::Status { name, status } => {
            let api: Api<RealtimeService> = Api::namespaced(client.clone(), namespace);
            let object = json!({"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService",
                "metadata": {"name": name}, "status": status});
            api.patch_status(&name, &manager, &Patch::Apply(&object)).await.context("a status is refused")?;
        }
    }
    Ok(())
}
