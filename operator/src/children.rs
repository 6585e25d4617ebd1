//! What the cluster has of every service: an index of watched children by their owner.
//!
//! Fed by watches and by the answers of the operator's own requests; whichever is newer counts. With it a
//! reconcile knows without a request what is there, and what it costs does not depend on how many others exist.

mod seen;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Resource,
    core::{DynamicObject, TypeMeta},
};
use serde_json::Value;

use crate::{
    packed::{Packed, Pattern},
    plan::{Kind, MANAGER},
};
use seen::Child;
pub(crate) use seen::Seen;

/// Kind and name: unique among the children of one namespace.
pub type Key = (Kind, String);

/// A child as it is in the cluster.
#[derive(Clone, Debug)]
pub struct Live {
    /// Its `metadata.uid`.
    pub uid: String,
    /// Its `metadata.resourceVersion`, which grows.
    pub resource_version: u64,
    /// Name and uid of the RealtimeService that controls it.
    pub owner: (String, String),
    /// Whether it is on its way out.
    pub deleting: bool,
    /// The object without its managed fields.
    pub object: Value,
    /// The fields that the operator owns in it, as `fieldsV1`.
    pub owned: Value,
}

/// Where a child lives: namespace, kind and name.
type Place = (Arc<str>, Kind, Arc<str>);

#[derive(Default)]
struct Index {
    by_owner: HashMap<Arc<str>, Family>,
    owner_of: HashMap<Place, Arc<str>>,
    patterns: HashMap<Kind, Pattern>,
    /// Resource versions at which objects went, by uid: an answer that was under way meanwhile is older.
    gone: HashMap<String, u64>,
}

/// The children of one service.
struct Family {
    /// Name of the service.
    name: Box<str>,
    /// Its namespace, once for all children.
    namespace: Arc<str>,
    children: Vec<Stored>,
}

/// A child as it is kept.
struct Stored {
    kind: Kind,
    deleting: bool,
    name: Arc<str>,
    uid: Box<str>,
    resource_version: u64,
    packed: Packed,
}

/// Answers are under way for seconds; so many deletions are not.
const GONE_LIMIT: usize = 10_000;

/// The index; shared by the watches and the reconciles.
#[derive(Default)]
pub struct Children(Mutex<Index>);

impl Live {
    /// Reads a child; `None` where no RealtimeService controls it.
    pub(crate) fn of(object: DynamicObject) -> Option<Self> {
        let meta = &object.metadata;
        let owner = meta.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))?;
        if owner.kind != "RealtimeService" || !owner.api_version.starts_with(realtime_crds::GROUP) {
            return None;
        }
        let own_entry = meta.managed_fields.iter().flatten().find(|entry| {
            entry.manager.as_deref() == Some(MANAGER)
                && entry.operation.as_deref() == Some("Apply")
                && entry.subresource.is_none()
        });
        let owned = own_entry.and_then(|entry| entry.fields_v1.clone()).map_or(Value::Null, |fields| fields.0);
        let (uid, owner) = (meta.uid.clone()?, (owner.name.clone(), owner.uid.clone()));
        let resource_version = meta.resource_version.as_deref()?.parse().ok()?;
        let deleting = meta.deletion_timestamp.is_some();
        let mut object = object;
        object.metadata.managed_fields = None;
        let object = serde_json::to_value(object).expect("an object is JSON");
        Some(Self { uid, resource_version, owner, deleting, object, owned })
    }
}

impl Children {
    /// The children of the service with this uid.
    #[must_use]
    pub fn of(&self, owner_uid: &str) -> BTreeMap<Key, Arc<Live>> {
        let index = self.lock();
        let Some(family) = index.by_owner.get(owner_uid) else { return BTreeMap::new() };
        let open =
            |child: &Stored| ((child.kind, child.name.to_string()), Arc::new(child.open(&family.name, owner_uid)));
        family.children.iter().map(open).collect()
    }

    /// Whether the service with this uid has this very child.
    pub(crate) fn has(&self, owner_uid: &str, (kind, name): &Key, uid: &str) -> bool {
        let index = self.lock();
        let children = index.by_owner.get(owner_uid).map(|family| family.children.as_slice()).unwrap_or_default();
        children.iter().any(|child| child.kind == *kind && *child.name == **name && *child.uid == *uid)
    }

    /// Takes in a newer state; gives the names of the services that this concerns.
    pub(crate) fn put(&self, kind: Kind, seen: Seen) -> Vec<String> {
        let place = place(kind, seen.meta());
        let mut index = self.lock();
        let Some(child) = seen.child else { return index.remove(&place, None).into_iter().collect() };
        if index.gone.get(&*child.uid).is_some_and(|gone| *gone >= child.resource_version) {
            return Vec::new();
        }
        if index.get(&place).is_some_and(|known| known.resource_version >= child.resource_version) {
            return Vec::new();
        }
        let other_owner = index.owner_of.get(&place).is_some_and(|owner| **owner != *child.owner.1);
        let moved_from = if other_owner { index.remove(&place, None) } else { None };
        let mut concerned: Vec<_> = moved_from.into_iter().collect();
        concerned.push(child.owner.0.clone());
        index.insert(place, child);
        concerned
    }

    /// Takes out what was deleted, unless something newer took its place.
    pub(crate) fn delete(&self, kind: Kind, seen: &Seen) -> Option<String> {
        let meta = seen.meta();
        let mut index = self.lock();
        if index.gone.len() >= GONE_LIMIT {
            index.gone.clear();
        }
        let version = meta.resource_version.as_deref().and_then(|version| version.parse().ok());
        if let (Some(uid), Some(version)) = (meta.uid.clone(), version) {
            index.gone.insert(uid, version);
        }
        index.remove(&place(kind, meta), meta.uid.as_deref())
    }

    /// After a new list: takes out whatever of this kind and scope was not in it.
    pub(crate) fn keep_only(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        listed: &HashSet<(String, String)>,
    ) -> Vec<(String, String)> {
        let mut index = self.lock();
        let gone: Vec<_> = index
            .owner_of
            .keys()
            .filter(|(ns, of_kind, name)| {
                *of_kind == kind
                    && namespace.is_none_or(|only| *only == **ns)
                    && !listed.contains(&(ns.to_string(), name.to_string()))
            })
            .cloned()
            .collect();
        gone.into_iter().filter_map(|place| Some((place.0.to_string(), index.remove(&place, None)?))).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        // Each change of the index is complete before anything in it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn get(&self, place: &Place) -> Option<&Stored> {
        self.by_owner.get(self.owner_of.get(place)?)?.child(place)
    }

    fn insert(&mut self, mut place: Place, seen: Child) {
        let (name, uid) = &seen.owner;
        let child = Stored {
            kind: place.1,
            deleting: seen.deleting,
            name: place.2.clone(),
            uid: seen.uid,
            resource_version: seen.resource_version,
            packed: self.patterns.entry(place.1).or_default().pack(&seen.text),
        };
        let owner =
            self.by_owner.get_key_value(uid.as_str()).map_or_else(|| uid.as_str().into(), |known| known.0.clone());
        let new = || Family { name: name.as_str().into(), namespace: place.0.clone(), children: Vec::new() };
        let Family { namespace, children, .. } = self.by_owner.entry(owner.clone()).or_insert_with(new);
        match children.iter_mut().find(|known| known.is_at(&place)) {
            Some(known) => *known = child,
            None => children.push(child),
        }
        if *namespace == place.0 {
            place.0.clone_from(namespace);
        }
        self.owner_of.insert(place, owner);
    }

    fn remove(&mut self, place: &Place, uid: Option<&str>) -> Option<String> {
        if uid.is_some_and(|uid| self.get(place).is_some_and(|child| *child.uid != *uid)) {
            return None;
        }
        let owner = self.owner_of.remove(place)?;
        let family = self.by_owner.get_mut(&owner)?;
        let name = family.name.to_string();
        family.children.retain(|child| !child.is_at(place));
        if family.children.is_empty() {
            self.by_owner.remove(&owner);
        }
        Some(name)
    }
}

impl Family {
    fn child(&self, place: &Place) -> Option<&Stored> {
        self.children.iter().find(|child| child.is_at(place))
    }
}

impl Stored {
    /// The namespace is the one of the owner.
    fn is_at(&self, place: &Place) -> bool {
        self.kind == place.1 && self.name == place.2
    }

    fn open(&self, owner: &str, owner_uid: &str) -> Live {
        let (mut object, owned): (Value, Value) = self.packed.open();
        // An object that lacks a planned field would be applied again.
        let TypeMeta { api_version, kind } = self.kind.type_meta();
        object["apiVersion"] = api_version.into();
        object["kind"] = kind.into();
        Live {
            uid: self.uid.to_string(),
            resource_version: self.resource_version,
            owner: (owner.to_owned(), owner_uid.to_owned()),
            deleting: self.deleting,
            object,
            owned,
        }
    }
}

fn place(kind: Kind, meta: &ObjectMeta) -> Place {
    let word = |word: &Option<String>| word.as_deref().unwrap_or_default().into();
    (word(&meta.namespace), kind, word(&meta.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, uid: &str, version: u64, owner: Option<&str>) -> Seen {
        let owners = owner.map(|uid| {
            json!([{"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService",
            "name": format!("of-{uid}"), "uid": uid, "controller": true}])
        });
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "ns",
            "uid": uid, "resourceVersion": version.to_string(), "ownerReferences": owners}}))
        .expect("an object")
    }

    #[test]
    fn an_older_state_never_replaces_a_newer_one() {
        let children = Children::default();
        assert_eq!(children.put(Kind::ConfigMap, object("a", "1", 10, Some("x"))), ["of-x"]);
        assert!(children.put(Kind::ConfigMap, object("a", "1", 9, Some("x"))).is_empty());
        assert_eq!(children.of("x").len(), 1);
    }

    #[test]
    fn an_item_of_a_list_says_what_it_is_like_any_other() {
        let children = Children::default();
        children.put(Kind::ConfigMap, object("a", "1", 10, Some("x")));
        let live = children.of("x").into_values().next().expect("a child");
        assert_eq!((&live.object["apiVersion"], &live.object["kind"]), (&json!("v1"), &json!("ConfigMap")));
    }

    #[test]
    fn a_late_delete_leaves_the_object_of_the_same_name_that_came_after() {
        let children = Children::default();
        children.put(Kind::ConfigMap, object("a", "2", 20, Some("x")));
        assert_eq!(children.delete(Kind::ConfigMap, &object("a", "1", 15, Some("x"))), None);
        assert_eq!(children.delete(Kind::ConfigMap, &object("a", "2", 21, Some("x"))), Some("of-x".to_owned()));
        assert!(children.of("x").is_empty());
    }

    #[test]
    fn an_answer_that_comes_after_the_deletion_brings_nothing_back() {
        let children = Children::default();
        assert_eq!(children.delete(Kind::ConfigMap, &object("a", "1", 12, Some("x"))), None);
        assert!(children.put(Kind::ConfigMap, object("a", "1", 11, Some("x"))).is_empty());
        assert!(children.of("x").is_empty());
        children.put(Kind::ConfigMap, object("a", "1", 13, Some("x")));
        assert_eq!(children.of("x").len(), 1, "its label was taken off and put back");
    }

    #[test]
    fn a_child_whose_owner_was_taken_away_is_no_longer_ours() {
        let children = Children::default();
        children.put(Kind::ConfigMap, object("a", "1", 10, Some("x")));
        assert_eq!(children.put(Kind::ConfigMap, object("a", "1", 11, None)), ["of-x"]);
        assert!(children.of("x").is_empty());
    }

    #[test]
    fn a_new_list_takes_out_what_is_not_in_it() {
        let children = Children::default();
        children.put(Kind::ConfigMap, object("a", "1", 10, Some("x")));
        children.put(Kind::ConfigMap, object("b", "2", 11, Some("y")));
        let listed = HashSet::from([("ns".to_owned(), "b".to_owned())]);
        assert_eq!(children.keep_only(Kind::ConfigMap, None, &listed), [("ns".to_owned(), "of-x".to_owned())]);
        assert_eq!(children.of("y").len(), 1);
    }
}
