//! Who may connect: what servers take over while they run, and whom they then close.

use origin_policy::{Decision, OriginPolicy, Received};
use realtime_crds::v1alpha1::{MissingOrigin, OriginMode, PolicySource};

use super::{Effect, Found, LiveFacts, fields::Changes};

/// A name that nobody lists: only a wildcard can stand for it.
const SOME_LABEL: &str = "a-label-that-nobody-lists";

pub(super) fn effects(changes: &Changes<'_>, live: &LiveFacts) -> Vec<Found> {
    let of_policy: Vec<_> = ["spec.origins", "spec.auth"].iter().flat_map(|field| changes.within(field)).collect();
    if of_policy.is_empty() {
        return Vec::new();
    }
    if changes.old.spec().workload.image.is_some() {
        return vec![Found::new(Effect::OwnImageDecides { because: of_policy.clone() }, of_policy)];
    }
    // The pods that run decide how fast they learn.
    let within = match changes.old.spec().policy_source {
        PolicySource::Watch => "a second",
        PolicySource::File => "about a minute",
    };
    origins(changes, live, within).into_iter().chain(tokens(changes, within)).collect()
}

fn origins(changes: &Changes<'_>, live: &LiveFacts, within: &'static str) -> Option<Found> {
    let fields = changes.within("spec.origins");
    if fields.is_empty() {
        return None;
    }
    let only = fields.len() == changes.fields().len();
    let (old, new) = (&changes.old.spec().origins, &changes.new.spec().origins);
    let enforces = new.mode == OriginMode::Enforce;
    let reported = old.mode == OriginMode::Report;
    let withdrawn: Vec<_> = changes
        .old
        .origins()
        .patterns()
        .iter()
        .map(origin_policy::OriginPattern::as_str)
        .filter(|pattern| enforces && !stands(pattern, changes.new.origins()))
        .map(str::to_owned)
        .collect();
    let unlisted = enforces && reported;
    let missing = enforces && new.missing == MissingOrigin::Deny && (reported || old.missing == MissingOrigin::Allow);
    if !withdrawn.is_empty() || unlisted || missing {
        let connections = live.connections;
        let effect = Effect::OriginsWithdrawn { origins: withdrawn, unlisted, missing, only, within, connections };
        return Some(Found::new(effect, fields));
    }
    only.then(|| Found::new(Effect::OriginsOnly { within }, fields))
}

/// Whether whatever this entry let in is let in still.
fn stands(entry: &str, policy: &OriginPolicy) -> bool {
    let origin = entry.replacen("://*.", &format!("://{SOME_LABEL}."), 1);
    matches!(policy.decide(Received::One(origin.as_bytes())), Decision::Allowed(_))
}

fn tokens(changes: &Changes<'_>, within: &'static str) -> Option<Found> {
    let (old, new) = (&changes.old.spec().auth, &changes.new.spec().auth);
    let new = new.as_ref()?;
    let Some(old) = old else {
        return Some(Found::new(Effect::TokensRequired { within }, ["spec.auth"]));
    };
    let dropped = old.jwt.audiences.iter().any(|audience| !new.jwt.audiences.contains(audience));
    if old.jwt.issuer == new.jwt.issuer && !dropped {
        return None;
    }
    let because: Vec<_> =
        ["issuer", "audiences"].iter().flat_map(|name| changes.within(&format!("spec.auth.jwt.{name}"))).collect();
    Some(Found::new(Effect::TokensJudgedAnew { because: because.clone(), within }, because))
}
