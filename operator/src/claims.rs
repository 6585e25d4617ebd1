//! Who serves which host and path: two services that claim the same one would take requests from each other.
//!
//! Fed by the watch of the services themselves; reading it sends no request.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use kube::ResourceExt;
use realtime_crds::{
    RealtimeService,
    conditions::ConditionType,
    v1alpha1::{Exposure, GkeClass, ParentRef},
};

/// Namespace and name of a service.
pub(crate) type Claimant = (String, String);

/// The load balancer, host and path that a service wants. The same host and path behind another load balancer is another
/// place, as with an internal and an external one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Place {
    door: Door,
    host: String,
    path: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Door {
    Gke(GkeClass),
    Gateway { namespace: String, name: String },
    Ingress(Option<String>),
}

/// How good a claim is; the smallest holds the place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// Who serves already stays, whoever else comes to want the place later.
    newcomer: bool,
    created: String,
    claimant: Claimant,
}

/// All claims.
#[derive(Default)]
pub(crate) struct Claims(Mutex<Table>);

#[derive(Default)]
struct Table {
    of: HashMap<Claimant, (Rank, Box<[Place]>)>,
    /// Mostly one at each, which a set would make four times as large.
    at: BTreeMap<Place, Vec<Claimant>>,
}

impl Claims {
    /// Takes in a service as it is now; gives those that should look again because a place was left.
    pub(crate) fn put(&self, service: &RealtimeService) -> Vec<Claimant> {
        let claimant = key(service);
        let wanted = if service.metadata.deletion_timestamp.is_some() { BTreeSet::new() } else { places(service) };
        let mut table = self.lock();
        let left = table.remove(&claimant);
        let rank = rank(service);
        for place in &wanted {
            table.at.entry(place.clone()).or_insert_with(|| Vec::with_capacity(1)).push(claimant.clone());
        }
        let given_up = left.iter().filter(|place| !wanted.contains(place));
        let waiting = given_up.flat_map(|place| table.at.get(place).into_iter().flatten().cloned()).collect();
        table.of.insert(claimant, (rank, wanted.into_iter().collect()));
        waiting
    }

    /// Takes out a service that is gone; gives those that should look again.
    pub(crate) fn delete(&self, claimant: &Claimant) -> Vec<Claimant> {
        let mut table = self.lock();
        let left = table.remove(claimant);
        left.iter().flat_map(|place| table.at.get(place).into_iter().flatten().cloned()).collect()
    }

    /// After a new list of a scope: takes out whatever was not in it.
    pub(crate) fn keep_only(&self, namespace: Option<&str>, listed: &BTreeSet<Claimant>) -> Vec<Claimant> {
        let in_scope = |claimant: &&Claimant| namespace.is_none_or(|only| only == claimant.0);
        let gone: Vec<_> =
            self.lock().of.keys().filter(in_scope).filter(|claimant| !listed.contains(*claimant)).cloned().collect();
        gone.iter().flat_map(|claimant| self.delete(claimant)).collect()
    }

    /// The service that holds what this one wants, if another does.
    pub(crate) fn holder(&self, service: &RealtimeService) -> Option<Claimant> {
        let (claimant, own) = (key(service), rank(service));
        let table = self.lock();
        let rivals = places(service);
        let rivals = rivals.iter().flat_map(|place| table.at.get(place).into_iter().flatten());
        let better = rivals.filter(|rival| **rival != claimant).filter_map(|rival| table.of.get(rival));
        better.map(|(rank, _)| rank).filter(|rank| **rank < own).min().map(|rank| rank.claimant.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Each change of the table is complete before anything in it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn remove(&mut self, claimant: &Claimant) -> Box<[Place]> {
        let Some((_, places)) = self.of.remove(claimant) else { return Box::default() };
        for place in &places {
            if let Some(there) = self.at.get_mut(place) {
                there.retain(|other| other != claimant);
                if there.is_empty() {
                    self.at.remove(place);
                }
            }
        }
        places
    }
}

fn key(service: &RealtimeService) -> Claimant {
    (service.namespace().unwrap_or_default(), service.name_any())
}

fn rank(service: &RealtimeService) -> Rank {
    let created = service.metadata.creation_timestamp.as_ref();
    Rank {
        newcomer: !serves(service),
        created: created.map(|time| time.0.to_string()).unwrap_or_default(),
        claimant: key(service),
    }
}

/// Whether its own status says that it was let in with this host and path.
fn serves(service: &RealtimeService) -> bool {
    let Some(status) = &service.status else { return false };
    let accepted = |condition: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
        condition.type_ == ConditionType::Accepted.as_str() && condition.status == "True"
    };
    let here = format!("://{}{}", service.spec.host, service.spec.path);
    status.conditions.iter().any(|condition| accepted(&condition))
        && status.url.as_deref().is_some_and(|url| url.ends_with(&here))
}

fn places(service: &RealtimeService) -> BTreeSet<Place> {
    let spec = &service.spec;
    let at = |door| Place { door, host: spec.host.clone(), path: spec.path.clone() };
    let own = service.namespace().unwrap_or_default();
    let gateways = |parents: &[ParentRef]| -> BTreeSet<Place> {
        let door = |parent: &ParentRef| Door::Gateway {
            namespace: parent.namespace.clone().unwrap_or_else(|| own.clone()),
            name: parent.name.clone(),
        };
        parents.iter().map(|parent| at(door(parent))).collect()
    };
    match &spec.exposure {
        None => BTreeSet::from([at(Door::Gke(GkeClass::Gce))]),
        Some(Exposure { gke: Some(gke), .. }) => BTreeSet::from([at(Door::Gke(gke.class))]),
        Some(Exposure { gke_gateway: Some(gateway), .. }) => gateways(&gateway.parent_refs),
        Some(Exposure { gateway: Some(gateway), .. }) => gateways(&gateway.parent_refs),
        Some(Exposure { ingress: Some(ingress), .. }) => {
            BTreeSet::from([at(Door::Ingress(ingress.class_name.clone()))])
        }
        Some(Exposure { gke: None, gke_gateway: None, gateway: None, ingress: None, none: _ }) => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests;
