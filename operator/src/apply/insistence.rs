//! Admission webhooks that insist: what they change in an object differs from the plan after every apply. Sending it again would
//! change nothing, so it is sent once for each pair of plan and outcome.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use crate::{children::Live, plan::Child};

/// Pairs of plan and outcome that an apply did not bring together, by uid of the object.
#[derive(Default)]
pub(crate) struct Insistence(Mutex<HashMap<String, u64>>);

impl Insistence {
    /// Whether this very plan was sent already and this is what came of it.
    pub(crate) fn knows(&self, child: &Child, live: &Live) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&live.uid) == Some(&fingerprint(child, live))
    }

    pub(crate) fn remember(&self, child: &Child, live: &Live) {
        let pair = fingerprint(child, live);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(live.uid.clone(), pair);
    }

    pub(crate) fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
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
}
