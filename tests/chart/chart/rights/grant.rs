//! One right of a role: one verb on one resource.

use std::fmt;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

/// A verb on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub group: String,
    pub resource: String,
    pub verb: String,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, resource, verb } = self;
        write!(f, "{verb} {resource}.{group}")
    }
}

fn words(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn is_role(object: &Value) -> bool {
    matches!(object["kind"].as_str(), Some("Role" | "ClusterRole"))
}

impl Grant {
    /// All that the roles among the objects grant.
    pub fn all(objects: &[Value]) -> Vec<Self> {
        let mut all = Vec::new();
        for rule in
            objects.iter().filter(|it| is_role(it)).flat_map(|role| role["rules"].as_array().into_iter().flatten())
        {
            for group in words(&rule["apiGroups"]) {
                for resource in words(&rule["resources"]) {
                    let of_verb =
                        |verb: &str| Self { group: group.into(), resource: resource.into(), verb: verb.into() };
                    all.extend(words(&rule["verbs"]).map(of_verb));
                }
            }
        }
        all
    }

    /// The objects with roles that grant all but this.
    pub fn taken_from(&self, mut objects: Vec<Value>) -> Result<Vec<Value>> {
        let before = Self::all(&objects);
        for role in objects.iter_mut().filter(|object| is_role(object)) {
            let rules = role["rules"].as_array().cloned().unwrap_or_default();
            role["rules"] = rules.iter().flat_map(|rule| self.without(rule)).collect();
        }
        let after = Self::all(&objects);
        ensure!(before.iter().filter(|grant| *grant != self).eq(after.iter()), "{self} is not all that was taken away");
        Ok(objects)
    }

    /// A rule for each resource, with this verb missing in its own.
    fn without(&self, rule: &Value) -> Vec<Value> {
        if !words(&rule["apiGroups"]).any(|group| group == self.group) {
            return vec![rule.clone()];
        }
        let of_resource = |resource: &str| {
            let mut rule = rule.clone();
            rule["resources"] = json!([resource]);
            if resource == self.resource {
                rule["verbs"] = words(&rule["verbs"]).filter(|verb| *verb != self.verb).collect();
            }
            rule
        };
        words(&rule["resources"]).map(of_resource).filter(|rule| words(&rule["verbs"]).next().is_some()).collect()
    }

    /// Whether the apiserver refused something because of it.
    pub fn is_missed_in(&self, message: &str) -> bool {
        let Self { group, resource, verb } = self;
        let itself = message.contains(&format!("cannot {verb} resource \"{resource}\" in API group \"{group}\""));
        itself
            || match resource.as_str() {
                // Nobody can grant what they do not have: the server's role is refused.
                "realtimeservices" | "endpointslices" => {
                    message.contains("attempting to grant RBAC permissions not currently held")
                        && message.contains(&format!("Verbs:[\"{verb}\"]"))
                }
                // A child that blocks the deletion of its owner is refused.
                "realtimeservices/finalizers" => message.contains("cannot set blockOwnerDeletion"),
                _ => false,
            }
    }
}
