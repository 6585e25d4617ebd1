//! Which fields of a spec differ, and which of them make a plan differ.

use realtime_crds::{RealtimeService, ValidService, manifest};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::plan::{Child, Kind, Settings, plan};

/// Fields that are told as a whole: what is in them is the user's own, or makes sense together only.
const WHOLE: [&str; 8] = [
    "spec.workload.resources",
    "spec.workload.nodeSelector",
    "spec.workload.affinity",
    "spec.workload.podLabels",
    "spec.workload.podAnnotations",
    "spec.workload.podTemplate",
    "spec.exposure.gke.annotations",
    "spec.exposure.ingress.annotations",
];

/// An old and a new service, with what lies between them.
pub(super) struct Changes<'a> {
    pub(super) old: &'a ValidService,
    pub(super) new: &'a ValidService,
    fields: Vec<String>,
    before: Value,
    after: Value,
    old_children: Vec<Child>,
    new_children: Vec<Child>,
}

impl<'a> Changes<'a> {
    pub(super) fn between(old: &'a ValidService, new: &'a ValidService) -> Self {
        let (before, after) = (manifest::of(old), manifest::of(new));
        let mut fields = Vec::new();
        walk(&before["spec"], &after["spec"], "spec", &mut fields);
        Self { old, new, fields, before, after, old_children: children(old), new_children: children(new) }
    }

    /// Paths of the fields that differ, e.g. `spec.workload.image`.
    pub(super) fn fields(&self) -> &[String] {
        &self.fields
    }

    /// Those of them that are this field or within it.
    pub(super) fn within(&self, field: &str) -> Vec<String> {
        let is_within =
            |path: &&String| path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        self.fields.iter().filter(is_within).cloned().collect()
    }

    /// A part of a child before and after; null where there is none.
    pub(super) fn part(&self, kind: Kind, pointer: &str) -> (&Value, &Value) {
        (part(&self.old_children, kind, pointer), part(&self.new_children, kind, pointer))
    }

    /// The fields that make this part of the plan differ: each is one that does so alone, or all of them where none does.
    pub(super) fn causes(&self, kind: Kind, pointer: &str) -> Vec<String> {
        let (before, after) = self.part(kind, pointer);
        if before == after {
            return Vec::new();
        }
        let alone = |field: &&String| {
            let changed = self.with_only(field).map(|service| children(&service));
            changed.is_some_and(|changed| part(&changed, kind, pointer) != before)
        };
        let causes: Vec<_> = self.fields.iter().filter(alone).cloned().collect();
        if causes.is_empty() { self.fields.clone() } else { causes }
    }

    /// Whether a field changes what the load balancer is told.
    pub(super) fn reaches_load_balancer(&self, field: &str) -> bool {
        let Some(changed) = self.with_only(field) else { return false };
        let concerns = |kind: Kind| {
            kind == Kind::Service || kind.is_route() || Kind::ALL.iter().any(|route| kind.serves_route(*route))
        };
        let of = |children: &[Child]| -> Vec<Child> {
            children.iter().filter(|child| concerns(child.kind)).cloned().collect()
        };
        of(&children(&changed)) != of(&self.old_children)
    }

    /// The old service with this one field as in the new one.
    fn with_only(&self, field: &str) -> Option<ValidService> {
        let mut document = self.before.clone();
        let pointer = format!("/{}", field.replace('.', "/"));
        let (parent, name) = pointer.rsplit_once('/')?;
        let value = self.after.pointer(&pointer).cloned().unwrap_or(Value::Null);
        let mut parent_at = &mut document;
        for step in parent.split('/').skip(1) {
            let fields = parent_at.as_object_mut()?;
            parent_at = fields.entry(step).or_insert_with(|| Value::Object(Map::new()));
        }
        let fields = parent_at.as_object_mut()?;
        match value {
            Value::Null => fields.remove(name),
            value => fields.insert(name.to_owned(), value),
        };
        let mut service = RealtimeService::deserialize(&document).ok()?;
        service.metadata.uid = Some(self.old.uid().to_owned());
        ValidService::new(&service).ok()
    }
}

fn children(service: &ValidService) -> Vec<Child> {
    plan(service, &Settings::default()).into_children()
}

fn part<'a>(children: &'a [Child], kind: Kind, pointer: &str) -> &'a Value {
    let child = children.iter().find(|child| child.kind == kind);
    child.and_then(|child| child.object.pointer(pointer)).unwrap_or(&Value::Null)
}

fn walk(before: &Value, after: &Value, path: &str, fields: &mut Vec<String>) {
    if before == after {
        return;
    }
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        fields.push(path.to_owned());
        return;
    };
    // Two ways in have nothing in common.
    let other_way = path == "spec.exposure" && !old.keys().eq(new.keys());
    if other_way || WHOLE.contains(&path) {
        fields.push(path.to_owned());
        return;
    }
    let mut names: Vec<_> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let of = |fields: &Map<String, Value>| fields.get(name).cloned().unwrap_or(Value::Null);
        walk(&of(old), &of(new), &format!("{path}.{name}"), fields);
    }
}
