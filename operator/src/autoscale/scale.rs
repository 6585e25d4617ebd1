//! I/O: carries a decision out, through the Deployment's `scale`.

use std::{
    mem,
    time::{Duration, Instant},
};

use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use realtime_crds::ValidService;
use serde_json::json;

use super::{
    Change, History, Load, Scaling, Why,
    decide::{Decision, Question, Rule, decide},
};
use crate::{
    apply::Applied,
    children::Live,
    controller::Context,
    costs,
    inputs::Inputs,
    metrics::Verb,
    plan::{Kind, MANAGER},
    request::Request,
};

/// The Deployment had changed meanwhile; by then its watch has told how.
const SOON: Duration = Duration::from_secs(1);

/// What came of it.
pub(crate) struct Scaled {
    pub(crate) scaling: Scaling,
    /// Why it could not be carried out.
    pub(crate) error: Option<kube::Error>,
}

/// Scales the Deployment as it is after the apply; none where its connections do not decide.
pub(crate) async fn scale(ctx: &Context, inputs: &Inputs, service: &ValidService, applied: &Applied) -> Option<Scaled> {
    let uid = inputs.service.uid().unwrap_or_default();
    let Some(rule) = Rule::of(service) else {
        ctx.scaling.forget(&uid);
        return None;
    };
    let (name, live) = scalable(applied)?;
    if has_autoscaler(inputs, applied) {
        return Some(Scaled::at_rest());
    }
    let shown = live.object["spec"]["replicas"].as_i64().and_then(|pods| i32::try_from(pods).ok()).unwrap_or(1);
    let (load, now) = (Load::of(inputs.pods.values(), rule.share), Instant::now());
    let (present, decision, contested) = ctx.scaling.with(&uid, |history| {
        let present = history.present(shown, live.resource_version);
        let (decision, next) = decide(&Question { rule, present, load, now }, mem::take(history));
        *history = next;
        (present, decision, history.contested_until(now).is_some())
    });
    let Decision { why, to, again } = decision;
    let unchanged = Scaling { why, reported: load.reporting > 0, contested, change: None, again };
    let Some(to) = to else { return Some(Scaled { scaling: unchanged, error: None }) };
    if to < present {
        // What it costs to take each pod away has to be there when the first goes.
        costs::write(ctx, inputs, true).await;
    }
    let change = Change { from: present, to, why, connections: load.reported, silent: load.silent, share: rule.share };
    Some(send(ctx, inputs, name, live, change, unchanged).await)
}

async fn send(ctx: &Context, inputs: &Inputs, name: &str, live: &Live, change: Change, unchanged: Scaling) -> Scaled {
    let (uid, now) = (inputs.service.uid().unwrap_or_default(), Instant::now());
    let namespace = inputs.service.namespace().expect("RealtimeService is namespaced");
    let api: Api<Deployment> = Api::namespaced(ctx.client.clone(), &namespace);
    let patch = json!({
        // Only of the Deployment that was looked at, as it was looked at: nobody's change in between is lost.
        "metadata": {"uid": live.uid, "resourceVersion": live.resource_version.to_string()},
        "spec": {"replicas": change.to},
    });
    let manager = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let request = Request { verb: Verb::Scale, kind: Kind::Deployment.as_str(), name };
    match request.send(&ctx.metrics, api.patch_scale(name, &manager, &Patch::Merge(&patch))).await {
        Ok(scale) => {
            let version = scale.metadata.resource_version.and_then(|version| version.parse().ok()).unwrap_or(0);
            ctx.scaling.with(&uid, |history| history.scaled(change.from, change.to, now, version));
            ctx.metrics.scaled(change.why);
            Scaled { scaling: Scaling { change: Some(change), ..unchanged }, error: None }
        }
        Err(error) => {
            ctx.scaling.with(&uid, History::undecided);
            let passes = matches!(&error, kube::Error::Api(status) if status.is_conflict() || status.is_not_found());
            Scaled { scaling: Scaling { again: Some(SOON), ..unchanged }, error: (!passes).then_some(error) }
        }
    }
}

/// The Deployment, if it is this service's, stays, and its number of pods is not the operator's by the plan.
fn scalable(applied: &Applied) -> Option<(&str, &Live)> {
    let deployment = applied.children.iter().find(|child| child.kind == Kind::Deployment)?;
    let live = deployment.live.as_deref()?;
    let is_given_up = live.owned["f:spec"]["f:replicas"].is_null();
    (!live.deleting && is_given_up).then_some((deployment.name.as_str(), live))
}

/// Whether a HorizontalPodAutoscaler of this service is still there.
fn has_autoscaler(inputs: &Inputs, applied: &Applied) -> bool {
    let is_one = |(kind, _): &&(Kind, String)| *kind == Kind::HorizontalPodAutoscaler;
    inputs.live.keys().filter(is_one).any(|key| !applied.pruned.contains(key))
}

impl Scaled {
    fn at_rest() -> Self {
        let scaling = Scaling { why: Why::NotAlone, reported: false, contested: false, change: None, again: None };
        Self { scaling, error: None }
    }
}
