//! Co-owners: autoscalers, `kubectl scale`, Google's controllers, injectors, and people with labels of their own. Nobody fights:
//! what they add stays, what is the operator's comes back, and then there is silence.

mod scaling;
mod servers;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use kube::api::{Patch, PatchParams};
use realtime_tests::Child;
use serde_json::{Value, json};

use crate::{Ground, proxy::Entry, routes, specs, summary::Tally};
use scaling::Scaling;

/// Within this time own fields come back.
const BACK: Duration = Duration::from_secs(5);
const SCALED: &str = "scaled";
const FIXED: &str = "fixed";
const ROUTED: &str = "routed";

/// Runs it.
///
/// # Errors
/// When it cannot be run at all.
pub async fn run(tally: &mut Tally) -> Result<()> {
    let ground = Ground::new("co-owners").await?;
    let served = routes::serve(&ground.client, &ground.namespace);
    let mut operator = ground.operator("operator").await?;
    let mut fixed = specs::rich(FIXED);
    fixed["workload"] = json!({"replicas": 2});
    for (name, spec) in [(SCALED, specs::rich(SCALED)), (FIXED, fixed), (ROUTED, specs::by_gateway(ROUTED))] {
        ground.apply(name, &spec).await?;
        ground.settled(name).await.context(name)?;
    }
    let here = Here { ground: &ground };
    let mut scaling = Scaling::begin(&ground).await.context("services that are scaled")?;
    let with_autoscaler = tally.choose(false, true);
    let (others, additions) = tokio::join!(scaling.cases(with_autoscaler), here.fields(tally));
    for (name, outcome) in others {
        tally.case(name, outcome);
    }
    let additions = additions?;
    let all = [SCALED, FIXED, ROUTED].into_iter().chain(Scaling::at_rest());
    let rests =
        all.map(async |service| ground.came_to_rest(service).await.with_context(|| format!("rest of {service}")));
    try_join_all(rests).await?;
    let from = ground.proxy.record().len();
    let watched = Duration::from_secs(tally.choose(8, 600));
    tokio::time::sleep(watched).await;
    // No pods run here: after 10 minutes each Deployment gives up, and that is news.
    let is_news = |it: &Entry| it.body.to_string().contains("PodsFailing");
    let writes = ground.proxy.record().since(from, |it| it.asked.counts() && !is_news(it) && !Scaling::is_bounded(it));
    let words: Vec<_> =
        writes.iter().take(5).map(|it| format!("{:?} {} {}", it.asked.verb, it.asked.plural, it.asked.name)).collect();
    let silent = if writes.is_empty() { Ok(()) } else { Err(anyhow::anyhow!("{} writes: {words:?}", writes.len())) };
    tally.case("nothing is written once everybody has what is theirs", silent);
    tally.fact(format!("{} writes in {} s", writes.len(), watched.as_secs()));
    scaling.after(tally, from, watched).await;
    for (child, service, added) in additions {
        let name = format!("what was added to {} of {service} stays", child.kind);
        let there =
            serde_json::to_value(child.api(&ground.client, &ground.namespace).get(&child.name(service)).await?)?;
        tally.case(&name, if stands(&added, &there) { Ok(()) } else { Err(anyhow::anyhow!("{added} is gone")) });
    }
    drop(served);
    tally.ends_well(&ground, &mut operator);
    Ok(())
}

struct Here<'a> {
    ground: &'a Ground,
}

impl Here<'_> {
    /// Own fields come back, and what others add is handed over: what it is, and where.
    async fn fields(&self, tally: &mut Tally) -> Result<Vec<(Child, &'static str, Value)>> {
        let mut slowest = Duration::ZERO;
        for child in Child::all() {
            let service = self.with(child).await?;
            let back = self.own_field_comes_back(child, service).await;
            slowest = slowest.max(*back.as_ref().unwrap_or(&Duration::ZERO));
            tally.case(&format!("own label of {} is put back", child.kind), back.map(drop));
        }
        let back = self.scaled_by_hand().await;
        slowest = slowest.max(*back.as_ref().unwrap_or(&Duration::ZERO));
        tally.case("kubectl scale of a Deployment without autoscaler is put back", back.map(drop));
        tally.case("kubectl scale of the service is carried out", self.service_scaled().await);
        tally.fact(format!("own fields are back within {} ms", slowest.as_millis()));

        let mut additions = Vec::new();
        for child in Child::all() {
            let service = self.with(child).await?;
            let labels = json!({"argocd.argoproj.io/instance": "app", "team.example.com/owner": "a"});
            let added =
                json!({"metadata": {"labels": labels, "annotations": {"kustomize.toolkit.fluxcd.io/ssa": "Merge"}}});
            additions.push(self.adds("flux", child, service, added).await?);
        }
        let neg = json!({"metadata": {"annotations": {"cloud.google.com/neg-status": "{\"zones\":[]}", "ingress.gcp.kubernetes.io/x": "y"}}});
        additions.push(self.adds("glbc", Child::of("Service"), FIXED, neg).await?);
        let ingress = json!({"metadata": {"annotations": {"ingress.kubernetes.io/backends": "{}", "ingress.kubernetes.io/url-map": "m"}}});
        additions.push(self.adds("glbc", Child::of("Ingress"), FIXED, ingress).await?);
        let sidecar = json!({"spec": {"template": {"metadata": {"annotations": {"sidecar.istio.io/status": "injected"}},
        "spec": {"containers": [{"name": "istio-proxy", "image": "proxy"}], "volumes": [{"name": "istio", "emptyDir": {}}]}}}});
        additions.push(self.adds("injector", Child::of("Deployment"), FIXED, sidecar).await?);
        let scale = json!({"spec": {"replicas": 3}});
        let deployments = Child::of("Deployment").api(&self.ground.client, &self.ground.namespace);
        let autoscaler =
            PatchParams { field_manager: Some("kube-controller-manager".to_owned()), ..PatchParams::default() };
        self.ground.within_limits(SCALED).await?;
        deployments.patch_scale(SCALED, &autoscaler, &Patch::Merge(&scale)).await?;
        additions.push((Child::of("Deployment"), SCALED, scale));
        Ok(additions)
    }

    /// The service here that has a child of this kind.
    async fn with(&self, child: Child) -> Result<&'static str> {
        let api = child.api(&self.ground.client, &self.ground.namespace);
        for service in [FIXED, SCALED, ROUTED] {
            if api.get_opt(&child.name(service)).await?.is_some() {
                return Ok(service);
            }
        }
        anyhow::bail!("no service has a {}", child.kind)
    }

    async fn own_field_comes_back(&self, child: Child, service: &str) -> Result<Duration> {
        let (ground, name) = (self.ground, child.name(service));
        let api = child.api(&ground.client, &ground.namespace);
        let edit = json!({"metadata": {"labels": {"app.kubernetes.io/name": "stolen"}}});
        api.patch(&name, &PatchParams::default(), &Patch::Merge(edit)).await?;
        let began = Instant::now();
        self.until(began, async || {
            let labels = api.get(&name).await?.metadata.labels.unwrap_or_default();
            Ok(labels.get("app.kubernetes.io/name").is_some_and(|it| it == "realtime-server"))
        })
        .await
    }

    async fn scaled_by_hand(&self) -> Result<Duration> {
        let deployments = Child::of("Deployment").api(&self.ground.client, &self.ground.namespace);
        deployments
            .patch_scale(FIXED, &PatchParams::default(), &Patch::Merge(json!({"spec": {"replicas": 5}})))
            .await?;
        self.until(Instant::now(), async || Ok(deployments.get(FIXED).await?.data["spec"]["replicas"] == 2)).await
    }

    async fn service_scaled(&self) -> Result<()> {
        let deployments = Child::of("Deployment").api(&self.ground.client, &self.ground.namespace);
        for replicas in [4, 2] {
            let wanted = json!({"spec": {"replicas": replicas}});
            self.ground.services().patch_scale(FIXED, &PatchParams::default(), &Patch::Merge(wanted)).await?;
            self.until(Instant::now(), async || Ok(deployments.get(FIXED).await?.data["spec"]["replicas"] == replicas))
                .await?;
        }
        Ok(())
    }

    async fn until(&self, began: Instant, holds: impl AsyncFn() -> Result<bool>) -> Result<Duration> {
        loop {
            if holds().await? {
                return Ok(began.elapsed());
            }
            ensure!(began.elapsed() < BACK, "not within {BACK:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn adds(
        &self,
        manager: &str,
        child: Child,
        service: &'static str,
        added: Value,
    ) -> Result<(Child, &'static str, Value)> {
        let mut object = added.clone();
        object["apiVersion"] = json!(child.api_version());
        object["kind"] = json!(child.kind);
        object["metadata"]["name"] = json!(child.name(service));
        let api = child.api(&self.ground.client, &self.ground.namespace);
        api.patch(&child.name(service), &PatchParams::apply(manager), &Patch::Apply(object)).await?;
        Ok((child, service, added))
    }
}

/// Whether all of `added` is in `there`; list items are found by their name.
fn stands(added: &Value, there: &Value) -> bool {
    match (added, there) {
        (Value::Object(added), _) => added.iter().all(|(name, value)| stands(value, &there[name])),
        (Value::Array(added), Value::Array(there)) => {
            added.iter().all(|item| there.iter().any(|other| item["name"] == other["name"] && stands(item, other)))
        }
        (added, there) => added == there,
    }
}
