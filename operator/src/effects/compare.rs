//! The children as the operator would leave them, against those that are there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kube::core::DynamicObject;
use realtime_crds::{ValidService, pod};
use serde::Serialize;
use serde_json::Value;

use super::view;
use crate::{
    children::{Key, Live},
    drift,
    plan::{Child, Kind, Names, Settings, plan},
    transition,
};

/// What the operator would do with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is not there.
    Created,
    /// It says something else.
    Changed,
    /// It is planned no longer.
    Deleted,
    /// It is planned no longer, and is needed until the new way in carries traffic.
    Kept,
    /// An object of that name belongs to somebody else: it is left alone.
    Foreign,
    /// The cluster does not know the kind: it cannot be there.
    KindMissing,
}

impl Action {
    /// Whether the operator would write something.
    #[must_use]
    pub const fn writes(self) -> bool {
        match self {
            Self::Created | Self::Changed | Self::Deleted => true,
            Self::Kept | Self::Foreign | Self::KindMissing => false,
        }
    }
}

/// An object that is not, or not for long, what the service asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What the operator would do with it.
    pub action: Action,
    /// What there is of it; null where it is not there.
    pub before: Value,
    /// What there would be; null where it would go.
    pub after: Value,
}

/// An object to be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lookup {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Whether it is in neither plan and may just be left over, so that it need not be readable.
    pub optional: bool,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct There {
    /// The objects.
    pub objects: Vec<(Kind, DynamicObject)>,
    /// Kinds that the cluster does not know.
    pub missing: BTreeSet<Kind>,
}

/// What has to be read for [`differences`].
#[must_use]
pub fn lookups(old: Option<&ValidService>, new: &ValidService, settings: &Settings) -> BTreeSet<Lookup> {
    let planned = [Some(new), old].into_iter().flatten().flat_map(|service| plan(service, settings).into_children());
    let mut wanted: BTreeMap<Key, bool> = planned.map(|child| ((child.kind, child.name), false)).collect();
    // A change of the way in that is not over yet.
    let routes = Kind::ALL.into_iter().filter(|kind| kind.is_route());
    let of_routes =
        Kind::ALL.into_iter().filter(|kind| routes.clone().any(|route| *kind == route || kind.serves_route(route)));
    for kind in of_routes {
        wanted.entry((kind, Names::of(new).main())).or_insert(true);
    }
    wanted.into_iter().map(|((kind, name), optional)| Lookup { kind, name, optional }).collect()
}

/// The image that the operator gives to its pods where a service names none: a Deployment tells.
#[must_use]
pub fn server_image(running: &ValidService, there: &There) -> Option<String> {
    if running.spec().workload.image.is_some() {
        return None;
    }
    let (_, deployment) = there.objects.iter().find(|(kind, _)| *kind == Kind::Deployment)?;
    let containers = deployment.data["spec"]["template"]["spec"]["containers"].as_array()?;
    let server = containers.iter().find(|container| container["name"] == pod::CONTAINER)?;
    server["image"].as_str().map(str::to_owned)
}

/// What the operator would do to the children; nothing while the service is paused.
#[must_use]
pub fn differences(new: &ValidService, settings: &Settings, there: &There) -> Vec<Difference> {
    if new.spec().paused {
        return Vec::new();
    }
    let mut planned = plan(new, settings).into_children();
    let mut ours = ours(new, there);
    let kept = transition::keep(&mut planned, &ours);
    let mut differences: Vec<_> = Vec::new();
    for child in planned {
        let live = ours.remove(&(child.kind, child.name.clone())).filter(|live| !live.deleting);
        differences.extend(difference(child, live.as_deref(), there));
    }
    let stale = ours.into_iter().filter(|(_, live)| !live.deleting).map(|(key, live)| {
        let before = view::of_ours(&live);
        let (action, after) = match kept.contains(&key) {
            true => (Action::Kept, before.clone()),
            false => (Action::Deleted, Value::Null),
        };
        Difference { kind: key.0, name: key.1, action, before, after }
    });
    differences.extend(stale);
    differences
}

fn ours(service: &ValidService, there: &There) -> BTreeMap<Key, Arc<Live>> {
    let live = there.objects.iter().filter_map(|(kind, object)| {
        let mut object = object.clone();
        object.types.get_or_insert_with(|| kind.type_meta());
        let name = object.metadata.name.clone()?;
        let live = Live::of(object).filter(|live| live.owner.1 == service.uid())?;
        Some(((*kind, name), Arc::new(live)))
    });
    live.collect()
}

fn difference(child: Child, live: Option<&Live>, there: &There) -> Option<Difference> {
    let is_there = there.objects.iter().any(|(kind, object)| {
        *kind == child.kind
            && object.metadata.name.as_ref() == Some(&child.name)
            && object.metadata.deletion_timestamp.is_none()
    });
    let (action, before, after) = match live {
        Some(live) if !drift::differs(&child.object, &live.object, &live.owned) => return None,
        Some(live) => {
            let (before, after) = view::views(&child, live);
            if before == after {
                return None;
            }
            (Action::Changed, before, after)
        }
        None if there.missing.contains(&child.kind) => (Action::KindMissing, Value::Null, child.object),
        None if is_there => (Action::Foreign, Value::Null, child.object),
        None => (Action::Created, Value::Null, child.object),
    };
    Some(Difference { kind: child.kind, name: child.name, action, before, after })
}

#[cfg(test)]
mod tests;
