//! Events for what a person may act on: each new verdict, and what was changed of a service that has been spoken of before. What a new
//! one is made of is none: that all of it was made is in the status. Never in a loop, as they come only with a change.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::events::v1::Event,
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::{Api, Resource, ResourceExt, api::PostParams};
use realtime_crds::{RealtimeService, conditions::Reason};

use crate::{
    controller::Context,
    metrics::Verb,
    plan::MANAGER,
    request::Request,
    status::{News, Outcome},
};

/// Longest note that `events.k8s.io/v1` takes, in bytes.
const NOTE_LIMIT: usize = 1024;

pub(crate) async fn publish(ctx: &Context, service: &RealtimeService, outcome: &Outcome, news: News) {
    let mut told = worth_telling(outcome, &news);
    if let Some(line) = news.denied.first()
        && ctx.denials.permits(&service.uid().unwrap_or_default())
    {
        told.push((
            true,
            "OriginDenied".to_owned(),
            format!("{} is not allowed to connect: {}", line.origin, line.message),
        ));
    }
    match news.probe {
        Some((true, message)) => told.push((false, "ProbePassed".to_owned(), message)),
        Some((false, message)) => told.push((true, "ProbeFailed".to_owned(), message)),
        None => {}
    }
    for (warning, reason, note) in told {
        let namespace = service.namespace().expect("RealtimeService is namespaced");
        let api: Api<Event> = Api::namespaced(ctx.client.clone(), &namespace);
        let event = event(ctx, service, warning, &reason, note);
        let request = Request { verb: Verb::Event, kind: "Event", name: &reason };
        if let Err(error) = request.send(&ctx.metrics, api.create(&PostParams::default(), &event)).await {
            tracing::warn!(service = service.name_any(), %error, "failed to publish an event");
        }
    }
}

fn worth_telling(outcome: &Outcome, news: &News) -> Vec<(bool, String, String)> {
    let mut told = Vec::new();
    let News { is_first, verdict_moved, .. } = *news;
    match outcome {
        Outcome::Invalid(problems) => {
            if verdict_moved {
                told.push((true, Reason::Invalid.to_string(), realtime_crds::sentence(problems)));
            }
        }
        Outcome::Taken { holder, place } => {
            if verdict_moved {
                let note = format!("RealtimeService {holder} serves {place} already.");
                told.push((true, Reason::HostPathConflict.to_string(), note));
            }
        }
        Outcome::Observed(observed) => {
            // Whom somebody contradicts does not repeat himself: the condition says it.
            let scaling = observed.scaling.as_ref().filter(|scaling| !scaling.contested);
            if let Some(change) = scaling.and_then(|scaling| scaling.change.as_ref()) {
                told.push((false, change.event().to_owned(), change.to_string()));
            }
            if !observed.changes.is_empty() && !is_first {
                told.push((false, "Applied".to_owned(), observed.changes.join(", ")));
            }
            if verdict_moved {
                if !observed.foreign.is_empty() {
                    told.push((true, Reason::ForeignObject.to_string(), observed.foreign.join("; ")));
                }
                if !observed.refused.is_empty() {
                    told.push((true, Reason::Refused.to_string(), observed.refused.join("; ")));
                }
                if !observed.failures.is_empty() {
                    told.push((true, Reason::ApiError.to_string(), observed.failures.join("; ")));
                }
                if let Some(missing) = observed.missing_kinds.first() {
                    let note = format!("This cluster has no kind {}.", missing.as_str());
                    told.push((true, Reason::KindMissing.to_string(), note));
                }
                if let Some(why) = &observed.pods.failing {
                    told.push((true, Reason::PodsFailing.to_string(), why.clone()));
                }
            }
        }
    }
    told
}

fn event(ctx: &Context, service: &RealtimeService, warning: bool, reason: &str, mut note: String) -> Event {
    let now = Timestamp::now();
    note.truncate(note.floor_char_boundary(NOTE_LIMIT));
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{:x}", service.name_any(), now.as_nanosecond())),
            namespace: service.namespace(),
            ..ObjectMeta::default()
        },
        action: Some("Reconcile".to_owned()),
        event_time: Some(MicroTime(now)),
        note: Some(note),
        reason: Some(reason.to_owned()),
        regarding: Some(service.object_ref(&())),
        reporting_controller: Some(MANAGER.to_owned()),
        reporting_instance: Some(ctx.identity.clone()),
        type_: Some(if warning { "Warning" } else { "Normal" }.to_owned()),
        ..Event::default()
    }
}

/// Strangers decide how many origins are denied; how many Events tell of it does not depend on them.
#[derive(Default)]
pub(crate) struct DenialLimit(Mutex<HashMap<String, Instant>>);

const BETWEEN_DENIALS: Duration = Duration::from_secs(300);

impl DenialLimit {
    fn permits(&self, uid: &str) -> bool {
        let now = Instant::now();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|_, told| now.duration_since(*told) < BETWEEN_DENIALS);
        if last.contains_key(uid) {
            return false;
        }
        last.insert(uid.to_owned(), now);
        true
    }
}
