//! Pods that go: by a rollout, or because fewer are asked for.

use realtime_crds::{
    ValidService,
    v1alpha1::{Transport, Workload},
};

use super::{
    Effect, Found, LiveFacts,
    estimate::{Farewell, Rollout},
    fields::Changes,
};
use crate::{
    autoscale::{Load, asked},
    plan::{Kind, effective},
};

pub(super) fn effects(changes: &Changes<'_>, live: &LiveFacts) -> Vec<Found> {
    let (from, to) = numbers(changes, live);
    let number = number(changes, live, from, to);
    number
        .into_iter()
        .chain(rollout(changes, live, (from, to)))
        .chain(transports(changes))
        .chain(affinity(changes))
        .collect()
}

/// How many pods there are, and how many there will be.
fn numbers(changes: &Changes<'_>, live: &LiveFacts) -> (i32, i32) {
    let (old, new) = (&changes.old.spec().workload, &changes.new.spec().workload);
    let scaled = || live.pods.unwrap_or(old.fewest());
    let from = if old.autoscaling.is_some() { scaled() } else { old.replicas };
    let to = by_connections(old, new, live, from).unwrap_or(from);
    (from, to.clamp(new.fewest().min(new.most()), new.most()))
}

/// How many pods the open connections come to in the end, where a pod is to have more or fewer of them than before.
fn by_connections(old: &Workload, new: &Workload, live: &LiveFacts, from: i32) -> Option<i32> {
    let share = |workload: &Workload| workload.autoscaling.as_ref()?.connections_per_replica;
    let share_now = share(new).filter(|now| from > 0 && share(old) != Some(*now))?;
    let open = Load::known(u64::try_from(live.connections?).ok()?);
    Some(asked(u64::try_from(share_now).ok()?, from, &open))
}

fn number(changes: &Changes<'_>, live: &LiveFacts, from: i32, to: i32) -> Option<Found> {
    let fields = ["spec.workload.replicas", "spec.workload.autoscaling"].iter().flat_map(|field| changes.within(field));
    let fields: Vec<_> = fields.collect();
    let seconds = farewell(changes.old).seconds();
    let effect = match to {
        _ if fields.is_empty() || from == to => return None,
        0 => Effect::NoPods { from, seconds, connections: live.connections },
        _ if to < from => {
            let share = |open: i64| (open * i64::from(from - to) + i64::from(from) / 2) / i64::from(from);
            Effect::ScaleIn { from, to, connections: live.connections.map(share), of: live.connections, seconds }
        }
        _ => Effect::ScaleOut { from, to, polling: effective(changes.new).affinity != "None" },
    };
    Some(Found::new(effect, fields))
}

fn rollout(changes: &Changes<'_>, live: &LiveFacts, (from, to): (i32, i32)) -> Option<Found> {
    let because = changes.causes(Kind::Deployment, "/spec/template");
    if from == 0 || to == 0 || (because.is_empty() && !live.pods_differ) {
        return None;
    }
    let min_ready = u64::try_from(effective(changes.new).min_ready_seconds).unwrap_or(0);
    let rollout = Rollout::estimate(because.clone(), to, min_ready, farewell(changes.old));
    Some(Found::new(Effect::Rollout(rollout), because))
}

/// The pods that go were made by the old plan.
fn farewell(old: &ValidService) -> Farewell {
    let effective = effective(old);
    Farewell { detach_sec: effective.detach.as_secs_ceil(), drain_sec: effective.drain.as_secs_ceil() }
}

fn transports(changes: &Changes<'_>) -> Option<Found> {
    let (old, new) = (&changes.old.spec().transports, &changes.new.spec().transports);
    let gone: Vec<_> = old.iter().filter(|one| !new.contains(one)).map(|one| one.as_str()).collect();
    (!gone.is_empty()).then(|| Found::new(Effect::TransportsWithdrawn { transports: gone }, ["spec.transports"]))
}

/// A WebSocket does not notice, and one pod alone is always found.
fn affinity(changes: &Changes<'_>) -> Option<Found> {
    let (old, new) = (effective(changes.old).affinity, effective(changes.new).affinity);
    let concerned = |service: &ValidService| {
        service.spec().transports.contains(&Transport::Polling) && service.spec().workload.most() > 1
    };
    let noticed = old != new && concerned(changes.old) && concerned(changes.new);
    noticed.then(|| Found::new(Effect::AffinityChanges { from: old, to: new }, [] as [&str; 0]))
}
