//! Events for what a person may act on: what was changed, and each new verdict. Never in a loop, as both come only
//! with a change.

use k8s_openapi::{
    api::events::v1::Event,
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::{Api, Resource, ResourceExt, api::PostParams};
use realtime_crds::{RealtimeService, conditions::Reason};

use crate::{controller::Context, plan::MANAGER, status::Outcome};

/// Longest note that `events.k8s.io/v1` takes, in bytes.
const NOTE_LIMIT: usize = 1024;

pub(crate) async fn publish(ctx: &Context, service: &RealtimeService, outcome: &Outcome, verdict_moved: bool) {
    for (warning, reason, note) in worth_telling(outcome, verdict_moved) {
        let namespace = service.namespace().expect("RealtimeService is namespaced");
        let api: Api<Event> = Api::namespaced(ctx.client.clone(), &namespace);
        let event = event(ctx, service, warning, &reason, note);
        if let Err(error) = api.create(&PostParams::default(), &event).await {
            tracing::warn!(service = service.name_any(), %error, "failed to publish an event");
        }
    }
}

fn worth_telling(outcome: &Outcome, verdict_moved: bool) -> Vec<(bool, String, String)> {
    let mut told = Vec::new();
    match outcome {
        Outcome::Invalid(problems) => {
            if verdict_moved {
                told.push((true, Reason::Invalid.to_string(), realtime_crds::sentence(problems)));
            }
        }
        Outcome::Observed(observed) => {
            if !observed.changes.is_empty() {
                told.push((false, "Applied".to_owned(), observed.changes.join(", ")));
            }
            if verdict_moved {
                if !observed.foreign.is_empty() {
                    told.push((true, Reason::ForeignObject.to_string(), observed.foreign.join("; ")));
                }
                if !observed.failures.is_empty() {
                    told.push((true, Reason::ApiError.to_string(), observed.failures.join("; ")));
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
