//! What of a child is shown.

use proptest::prelude::*;
use realtime_crds::{ValidService, manifest};

use super::*;
use crate::plan::{Settings, plan};

fn children() -> Vec<Child> {
    let document = json!({"apiVersion": manifest::API_VERSION, "kind": "RealtimeService",
    "metadata": {"name": "chat", "namespace": "ns", "uid": "u-1"},
    "spec": {
        "host": "a.com", "origins": {"allow": ["https://a.com"]},
        "workload": {"replicas": 3, "resources": {"requests": {"cpu": "0.5"}}, "env": [{"name": "A", "value": "1"}]},
    }});
    let service = manifest::one(&document).expect("valid");
    plan(&ValidService::new(&service).expect("valid"), &Settings::default()).into_children()
}

fn deployment() -> Child {
    children().into_iter().find(|child| child.kind == Kind::Deployment).expect("planned")
}

/// The `fieldsV1` of whoever applied this.
fn fields(value: &Value, field: &str) -> Value {
    match value {
        Value::Object(map) if !drift::is_atomic(field, map) => {
            map.iter().map(|(name, value)| (format!("f:{name}"), fields(value, name))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => match drift::key_of(field, items) {
            Some(key) => {
                let of = |item: &Value| (format!("k:{}", json!({key: item[key]})), fields(item, ""));
                items.iter().map(of).collect::<Map<_, _>>().into()
            }
            None => json!({}),
        },
        _ => json!({}),
    }
}

fn live(object: Value, owned: Value) -> Live {
    let owner = ("chat".to_owned(), "u-1".to_owned());
    Live { uid: "1".to_owned(), resource_version: 1, owner, deleting: false, object, owned }
}

fn applied(child: &Child) -> Live {
    live(child.object.clone(), fields(&child.object, ""))
}

fn server(view: &Value) -> &Value {
    &view["spec"]["template"]["spec"]["containers"][0]
}

#[test]
fn what_the_apiserver_and_others_add_is_not_shown() {
    let child = deployment();
    let mut there = applied(&child);
    there.object["spec"]["progressDeadlineSeconds"] = json!(600);
    there.object["metadata"]["annotations"] = json!({"theirs": "x"});
    there.object["spec"]["template"]["spec"]["containers"][0]["terminationMessagePolicy"] = json!("File");
    there.object["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("500m");
    let sidecar = json!({"name": "proxy", "image": "p"});
    let containers = &mut there.object["spec"]["template"]["spec"]["containers"];
    containers.as_array_mut().expect("a list").insert(0, sidecar);
    let (before, after) = views(&child, &there);
    assert_eq!(before, after);
    assert_eq!(after, child.object, "the text is the one that render prints");
}

#[test]
fn a_changed_value_is_shown_before_and_after() {
    let child = deployment();
    let mut there = applied(&child);
    there.object["spec"]["template"]["spec"]["containers"][0]["image"] = json!("old");
    let (before, after) = views(&child, &there);
    assert_eq!(server(&before)["image"], "old");
    assert_eq!(after, child.object);
}

#[test]
fn what_is_planned_no_longer_is_shown_while_it_is_owned() {
    let child = deployment();
    let mut there = applied(&child);
    let env = |there: &mut Live| {
        let env = &mut there.object["spec"]["template"]["spec"]["containers"][0]["env"];
        env.as_array_mut().expect("a list").push(json!({"name": "OLD", "value": "x"}));
    };
    env(&mut there);
    assert_eq!(views(&child, &there).0, child.object, "somebody else's");
    there.owned = fields(&there.object, "");
    let (before, after) = views(&child, &there);
    let last = server(&before)["env"].as_array().and_then(|env| env.last()).expect("a variable");
    assert_eq!(last, &json!({"name": "OLD", "value": "x"}));
    assert_eq!(after, child.object);
}

#[test]
fn a_number_of_pods_that_is_handed_over_is_no_change() {
    let mut child = deployment();
    let there = applied(&child);
    child.object["spec"].as_object_mut().expect("fields").remove("replicas");
    let (before, after) = views(&child, &there);
    assert_eq!(before, after);
}

#[test]
fn of_an_object_that_goes_what_is_owned_is_shown() {
    let child = deployment();
    let mut there = applied(&child);
    there.object["status"] = json!({"replicas": 3});
    there.object["metadata"]["annotations"] = json!({"theirs": "x"});
    assert_eq!(of_ours(&there), child.object);
}

/// Pointers to all values that are neither lists nor maps.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
    let step = |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| leaves(value, &step(name), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| leaves(value, &step(&index.to_string()), found));
        }
        _ => found.push(pointer.to_owned()),
    }
}

proptest! {
    #[test]
    fn a_difference_is_shown_exactly_where_there_is_drift(which in any::<prop::sample::Index>(), leaf in any::<prop::sample::Index>(), removed: bool) {
        let children = children();
        let child = which.get(&children);
        let mut there = applied(child);
        prop_assert!(!drift::differs(&child.object, &there.object, &there.owned));
        prop_assert_eq!(views(child, &there), (child.object.clone(), child.object.clone()));
        let mut found = Vec::new();
        leaves(&child.object, "", &mut found);
        let pointer = leaf.get(&found);
        if removed {
            let (parent, name) = pointer.rsplit_once('/').expect("a step");
            let name = name.replace("~1", "/").replace("~0", "~");
            if let Some(fields) = there.object.pointer_mut(parent).and_then(Value::as_object_mut) {
                fields.remove(&name);
            }
        } else {
            *there.object.pointer_mut(pointer).expect("a leaf") = json!("something else");
        }
        let (before, after) = views(child, &there);
        prop_assert_eq!(before != after, drift::differs(&child.object, &there.object, &there.owned), "{}", pointer);
        prop_assert_eq!(after, child.object.clone());
    }
}
