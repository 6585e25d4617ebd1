//! Admission webhooks that insist: what they change in an object differs from the plan after every apply. Sending it again would
//! change nothing, so it is sent once for each pair of plan and outcome.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;

use crate::{
    children::{Key, Live},
    plan::Child,
};

/// Pairs of plan and outcome that an apply did not bring together.
#[derive(Default)]
pub(crate) struct Insistence(Mutex<HashMap<String, OfService>>);

/// Those of one service, by kind and name, each with the uid of the object.
type OfService = HashMap<Key, (String, u64)>;

impl Insistence {
    /// Whether this very plan was sent already and this is what came of it.
    pub(crate) fn knows(&self, child: &Child, live: &Live) -> bool {
        let services = self.lock();
        let known = services.get(&live.owner.1).and_then(|service| service.get(&key(child)));
        known.is_some_and(|(uid, pair)| *uid == live.uid && *pair == fingerprint(child, live))
    }

    pub(crate) fn remember(&self, child: &Child, live: &Live) {
        let pair = (live.uid.clone(), fingerprint(child, live));
        self.lock().entry(live.owner.1.clone()).or_default().insert(key(child), pair);
    }

    pub(crate) fn forget(&self, live: &Live) {
        let mut services = self.lock();
        let Some(service) = services.get_mut(&live.owner.1) else { return };
        service.retain(|_, (uid, _)| *uid != live.uid);
        if service.is_empty() {
            services.remove(&live.owner.1);
        }
    }

    /// Forgets all children of a service that is gone.
    pub(crate) fn forget_service(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, OfService>> {
        // Each change of the map is complete before anything in it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(child: &Child) -> Key {
    (child.kind, child.name.clone())
}

/// Of the outcome what people and webhooks write: status and versions move by themselves.
fn fingerprint(child: &Child, live: &Live) -> u64 {
    let mut hasher = DefaultHasher::new();
    child.object.to_string().hash(&mut hasher);
    let mut object = live.object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(meta) = object["metadata"].as_object_mut() {
        meta.remove("resourceVersion");
        meta.remove("generation");
    }
    annotations(&mut object).map(|annotations| annotations.remove("deployment.kubernetes.io/revision"));
    object.to_string().hash(&mut hasher);
    hasher.finish()
}

fn annotations(object: &mut Value) -> Option<&mut serde_json::Map<String, Value>> {
    object.get_mut("metadata")?.get_mut("annotations")?.as_object_mut()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::Kind;

    fn live(image: &str, version: u64) -> Live {
        Live {
            uid: "u".to_owned(),
            resource_version: version,
            owner: ("chat".to_owned(), "o".to_owned()),
            deleting: false,
            object: json!({"metadata": {"resourceVersion": version.to_string(), "generation": version}, "spec": {"image": image},
                "status": {"replicas": version}}),
            owned: Value::Null,
        }
    }

    fn planned(image: &str) -> Child {
        Child { kind: Kind::Deployment, name: "chat".to_owned(), object: json!({"spec": {"image": image}}) }
    }

    #[test]
    fn the_same_plan_is_sent_again_only_when_something_else_came_of_it() {
        let insistence = Insistence::default();
        assert!(!insistence.knows(&planned("a"), &live("mirror/a", 1)));
        insistence.remember(&planned("a"), &live("mirror/a", 1));
        assert!(insistence.knows(&planned("a"), &live("mirror/a", 2)), "a status moves by itself");
        assert!(!insistence.knows(&planned("b"), &live("mirror/a", 2)), "another plan is sent");
        assert!(!insistence.knows(&planned("a"), &live("evil/a", 2)), "another edit is put back");
    }

    #[test]
    fn nothing_is_kept_of_a_child_or_a_service_that_is_gone() {
        let insistence = Insistence::default();
        let made_anew = Live { uid: "v".to_owned(), ..live("mirror/a", 3) };
        insistence.remember(&planned("a"), &live("mirror/a", 1));
        insistence.remember(&planned("a"), &made_anew);
        assert!(
            !insistence.knows(&planned("a"), &live("mirror/a", 1)),
            "one entry for a child, however often it is made anew"
        );
        insistence.forget(&made_anew);
        assert!(insistence.lock().is_empty());
        insistence.remember(&planned("a"), &made_anew);
        insistence.forget_service("o");
        assert!(insistence.lock().is_empty());
    }
}
