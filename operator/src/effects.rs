//! PURE: what a change of a service does to the connections that are open, and to the objects in the cluster.
//!
//! `kubectl-realtime diff` shows it before anything is applied. What rolls the pods is not listed here: the plan is made
//! twice, and the fields that make the two pod templates differ are the cause. So a field that is added to the resource is
//! never forgotten.

mod access;
mod compare;
mod effect;
mod estimate;
mod fields;
mod pods;
mod reach;
mod running;
#[cfg(test)]
mod tests;
mod view;
mod words;

pub use compare::{Action, Difference, Lookup, There, differences, lookups, server_image};
pub use effect::{Effect, Impact};
pub use estimate::{Rollout, START_SEC};
pub use running::running;

use realtime_crds::{ValidService, v1alpha1::PolicySource};

use fields::Changes;

/// What is open and what runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveFacts {
    /// Open connections; `None` where nobody knows.
    pub connections: Option<i64>,
    /// Pods; `None` where nobody knows.
    pub pods: Option<i32>,
    /// Whether the pods in the cluster are other ones than the service asks for, whatever its spec.
    pub pods_differ: bool,
}

/// An effect with the fields that it explains.
struct Found {
    effect: Effect,
    fields: Vec<String>,
}

impl Found {
    fn new(effect: Effect, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { effect, fields: fields.into_iter().map(Into::into).collect() }
    }

    fn explains(&self, field: &str) -> bool {
        self.fields.iter().any(|known| {
            field.strip_prefix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

/// What becomes of open connections when `old`, which runs, becomes `new`: the worst first, and every field that changes is
/// in one of them.
#[must_use]
pub fn effects(old: Option<&ValidService>, new: &ValidService, live: &LiveFacts) -> Vec<Effect> {
    let Some(old) = old else {
        return vec![if new.spec().paused { Effect::Paused } else { Effect::New }];
    };
    let changes = Changes::between(old, new);
    let mut found = access::effects(&changes, live);
    if new.spec().paused {
        // Servers that watch their resource do not ask whether it is paused.
        found.retain(|_| old.spec().policy_source == PolicySource::Watch);
        if !changes.fields().is_empty() {
            found.push(Found::new(Effect::Paused, ["spec"]));
        }
    } else {
        found.extend(reach::effects(&changes, live));
        found.extend(pods::effects(&changes, live));
    }
    let rest = |field: &&String| !found.iter().any(|found| found.explains(field));
    let rest: Vec<_> = changes.fields().iter().filter(rest).cloned().collect();
    let (told, spared) = rest.into_iter().partition::<Vec<_>, _>(|field| changes.reaches_load_balancer(field));
    let mut effects: Vec<_> = found.into_iter().map(|found| found.effect).collect();
    effects.extend((!told.is_empty()).then_some(Effect::LoadBalancer { because: told }));
    effects.extend((!spared.is_empty()).then_some(Effect::Unconcerned { because: spared }));
    effects.sort_by_key(Effect::impact);
    effects
}
