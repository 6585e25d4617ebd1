//! One reconcile: inputs → plan → apply → observe → status.

use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
    runtime::controller::Action,
};
use realtime_crds::{RealtimeService, ValidService, manifest::API_VERSION};
use realtime_telemetry::SPANS;
use serde_json::json;
use tracing::{Instrument, Span, field::Empty, info_span};

use crate::{
    apply::{Applied, apply},
    autoscale,
    controller::Context,
    costs, events, inputs,
    inputs::Inputs,
    metrics::{Ended, Verb},
    observe::{Cure, Observed, cure, observe, retry_after},
    plan::{MANAGER, plan},
    request::Request,
    status::{News, Outcome, status, waits::can_wait},
};

/// Why a reconcile has to be tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Some children could not be applied; the status says which.
    #[error("{words}")]
    Apply {
        /// Which, and why.
        words: String,
        /// What it takes.
        cure: Cure,
        /// How long the apiserver asks to be left alone.
        retry_after: Duration,
    },
    /// The status could not be written.
    #[error("failed to write the status: {0}")]
    Status(#[source] Box<kube::Error>),
}

impl Error {
    /// How long the apiserver asks to be left alone.
    pub(crate) fn retry_after(&self) -> Duration {
        match self {
            Self::Apply { retry_after, .. } => *retry_after,
            Self::Status(error) => retry_after(error),
        }
    }

    /// What it takes until it can go well.
    pub(crate) fn cure(&self) -> Cure {
        match self {
            Self::Apply { cure, .. } => *cure,
            Self::Status(error) => cure(error),
        }
    }
}

/// Nothing tells when an object of somebody else goes away, so it is looked for again.
const FOREIGN_RECHECK: Duration = Duration::from_secs(30);

pub(crate) async fn reconcile(service: Arc<RealtimeService>, ctx: Arc<Context>) -> Result<Action, Error> {
    if service.metadata.deletion_timestamp.is_some() {
        // The children have an owner; the garbage collector takes them.
        return Ok(Action::await_change());
    }
    ctx.wait_for_services().await;
    let generation = service.metadata.generation;
    let span = info_span!(target: SPANS, "reconcile", namespace = service.namespace(), service = service.name_any(), generation,
        outcome = Empty, otel.status_code = Empty);
    steps(service, &ctx, &span).instrument(span.clone()).await
}

async fn steps(service: Arc<RealtimeService>, ctx: &Context, span: &Span) -> Result<Action, Error> {
    let under_way = ctx.metrics.begin();
    let inputs = inputs::read(ctx, service);
    let outcome = carry_out(ctx, &inputs).await;
    let written = write_status(ctx, &inputs, &outcome).await;
    let ended = Ended::of(&outcome, written.is_ok());
    under_way.end(ended);
    span.record("outcome", ended.as_str());
    if ended.is_error() {
        span.record("otel.status_code", "ERROR");
    }
    let Said { news, waits } = written.map_err(|error| Error::Status(Box::new(error)))?;
    events::publish(ctx, &inputs.service, &outcome, news).await;
    next(&outcome, waits)
}

async fn carry_out(ctx: &Context, inputs: &Inputs) -> Outcome {
    let uid = inputs.service.uid().unwrap_or_default();
    let service = match ValidService::new(&inputs.service) {
        Ok(service) => service,
        Err(problems) => {
            ctx.probes.forget(&uid);
            return Outcome::Invalid(problems);
        }
    };
    if let Some((namespace, name)) = &inputs.holder {
        ctx.probes.forget(&uid);
        let spec = service.spec();
        return Outcome::Taken { holder: format!("{namespace}/{name}"), place: format!("{}{}", spec.host, spec.path) };
    }
    let plan = plan(&service, &ctx.settings);
    let (applied, scaled) = if service.spec().paused {
        ctx.scaling.forget(&uid);
        (Applied::untouched(inputs, plan), None)
    } else {
        costs::write(ctx, inputs, costs::are_fewer_wanted(inputs, &plan)).await;
        let applied = apply(ctx, inputs, plan).await;
        let scaled = autoscale::scale(ctx, inputs, &service, &applied).await;
        (applied, scaled)
    };
    let observed = observe(&service, &applied, scaled.as_ref(), &inputs.pods);
    let probed = ctx.probes.see(&service, &observed, &ctx.written.latest(&inputs.service));
    Outcome::Observed(Box::new(Observed { probed, ..observed }))
}

fn next(outcome: &Outcome, waits: Option<Duration>) -> Result<Action, Error> {
    match outcome {
        // Whoever holds the place tells by its own change when it leaves.
        Outcome::Invalid(_) | Outcome::Taken { .. } => Ok(Action::await_change()),
        Outcome::Observed(observed) if !observed.failures.is_empty() => Err(failed(observed, Cure::Time)),
        Outcome::Observed(observed) if !observed.refused.is_empty() => Err(failed(observed, Cure::Change)),
        Outcome::Observed(observed) => {
            let is_awaited = !observed.foreign.is_empty() || !observed.leaving.is_empty();
            let scaling = observed.scaling.as_ref().and_then(|scaling| scaling.again);
            let again = is_awaited.then_some(FOREIGN_RECHECK).into_iter().chain(scaling).chain(waits).min();
            Ok(again.map_or_else(Action::await_change, Action::requeue))
        }
    }
}

fn failed(observed: &Observed, cure: Cure) -> Error {
    let words: Vec<_> = observed.refused.iter().chain(&observed.failures).map(String::as_str).collect();
    Error::Apply { words: words.join("; "), cure, retry_after: observed.retry_after }
}

/// What came of the status.
struct Said {
    /// What in it is news.
    news: News,
    /// How long it waits for more to say.
    waits: Option<Duration>,
}

/// Writes the status when it says something new, and nothing more is about to be said.
async fn write_status(ctx: &Context, inputs: &Inputs, outcome: &Outcome) -> Result<Said, kube::Error> {
    let service = &inputs.service;
    let (name, uid) = (service.name_any(), service.uid().unwrap_or_default());
    let previous = ctx.written.latest(service);
    let now = status(&previous, service.metadata.generation.unwrap_or(0), outcome, Timestamp::now());
    ctx.metrics.judged(&now);
    let nothing = |waits| Said { news: News::between(&previous, &previous), waits };
    if now != previous
        && can_wait(&previous, &now, outcome)
        && let Some(rest) = ctx.held.hold(&uid)
    {
        return Ok(nothing(Some(rest)));
    }
    if now == previous {
        ctx.held.forget(&uid);
        return Ok(nothing(None));
    }
    let patch = json!({
        "apiVersion": API_VERSION,
        "kind": "RealtimeService",
        // Never the status of another resource that came by the same name.
        "metadata": {"name": name, "uid": uid},
        "status": now,
    });
    let namespace = service.namespace().expect("RealtimeService is namespaced");
    let api: Api<RealtimeService> = Api::namespaced(ctx.client.clone(), &namespace);
    let (manager, patch) = (PatchParams::apply(MANAGER).force(), Patch::Apply(&patch));
    let request = Request { verb: Verb::Status, kind: "RealtimeService", name: &name };
    let answer = match request.send(&ctx.metrics, api.patch_status(&name, &manager, &patch)).await {
        Ok(answer) => answer,
        // Deleted meanwhile, or deleted and made anew: this status is of no use to anybody.
        Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(nothing(None)),
        Err(kube::Error::Api(status)) if status.is_conflict() && !ctx.metrics.services.has(&**service) => {
            return Ok(nothing(None));
        }
        Err(error) => return Err(error),
    };
    ctx.held.forget(&uid);
    ctx.written.remember(&answer, &ctx.metrics.services);
    Ok(Said { news: News::between(&previous, &now), waits: None })
}
