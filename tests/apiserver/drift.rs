//! What somebody does to a child is undone, and nothing but that.

use anyhow::Result;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use realtime_tests::{CHILDREN, Child, Stage};
use serde_json::{Value, json};

use crate::manifests::FIVE_LINES;

#[tokio::test]
async fn deleting_any_child_brings_it_back() -> Result<()> {
    let stage = Stage::new("deleted-children").await?;
    let _operator = stage.operator().await?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;
    for child in CHILDREN {
        let (api, name) = (stage.api(child), child.name("chat"));
        let uid = api.get(&name).await?.uid();
        api.delete(&name, &DeleteParams::background()).await?;
        let what = format!("{} comes back", child.kind);
        stage
            .eventually(&what, async || Ok(api.get_opt(&name).await?.filter(|object| object.uid() != uid).map(|_| ())))
            .await?;
    }
    stage.settled("chat").await
}

/// For each kind: where, what somebody writes there.
fn edits() -> [(Child, &'static str, Value); 9] {
    [
        (Child::of("ServiceAccount"), "/automountServiceAccountToken", json!(true)),
        (Child::of("Role"), "/rules", json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}])),
        (
            Child::of("RoleBinding"),
            "/subjects",
            json!([{"kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io"}]),
        ),
        (Child::of("ConfigMap"), "/data/policy.yaml", json!("allow: everybody")),
        (Child::of("BackendConfig"), "/spec/timeoutSec", json!(30)),
        (Child::of("Service"), "/spec/selector/app.kubernetes.io~1instance", json!("other")),
        (Child::of("Service"), "/metadata/annotations/cloud.google.com~1neg", json!("{}")),
        (Child::of("Ingress"), "/spec/rules", json!([{"host": "evil.example"}])),
        (Child::of("Deployment"), "/spec/template/spec/terminationGracePeriodSeconds", json!(1)),
    ]
}

#[tokio::test]
async fn a_child_that_somebody_edits_is_put_back() -> Result<()> {
    let stage = Stage::new("edited-children").await?;
    let _operator = stage.operator().await?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;
    for (child, pointer, value) in edits() {
        let before = stage.child(child, "chat").await?;
        let good = before.pointer(pointer).cloned().unwrap_or_else(|| panic!("{} has {pointer}", child.kind));
        // Once by an edit, once by another program that takes the field over.
        for by_force in [false, true] {
            let mut patch = at(pointer, &value);
            let somebody = PatchParams { field_manager: Some("somebody".to_owned()), ..PatchParams::default() };
            let name = child.name("chat");
            if by_force {
                patch["apiVersion"] = json!(child.api_version());
                patch["kind"] = json!(child.kind);
                stage.api(child).patch(&name, &somebody.force(), &Patch::Apply(&patch)).await?;
            } else {
                stage.api(child).patch(&name, &somebody, &Patch::Merge(&patch)).await?;
            }
            let what = format!("{} {pointer} is put back", child.kind);
            stage
                .eventually(&what, async || {
                    let now = stage.child(child, "chat").await?;
                    Ok((now.pointer(pointer) == Some(&good)).then_some(()))
                })
                .await?;
        }
        assert_eq!(stage.child(child, "chat").await?["metadata"]["uid"], before["metadata"]["uid"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_label_taken_off_a_child_comes_back() -> Result<()> {
    let stage = Stage::new("labels-off").await?;
    let _operator = stage.operator().await?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;
    let before: Vec<_> = stage.versions("chat").await?.into_iter().map(|(kind, uid, _)| (kind, uid)).collect();
    for (index, child) in CHILDREN.into_iter().enumerate() {
        // By this label the operator finds its children; without it, or with another value, they leave its sight.
        let value = if index % 2 == 0 { Value::Null } else { json!("somebody") };
        let patch = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": value}}});
        stage.api(child).patch(&child.name("chat"), &PatchParams::default(), &Patch::Merge(&patch)).await?;
    }
    for child in CHILDREN {
        let what = format!("the label of {} comes back", child.kind);
        stage
            .eventually(&what, async || {
                let now = stage.child(child, "chat").await?;
                let label = &now["metadata"]["labels"]["app.kubernetes.io/managed-by"];
                Ok((label == "realtime-operator").then_some(()))
            })
            .await?;
    }
    stage.settled("chat").await?;
    let after: Vec<_> = stage.versions("chat").await?.into_iter().map(|(kind, uid, _)| (kind, uid)).collect();
    stage.holds(before == after, "the same objects as before").await
}

#[tokio::test]
async fn what_others_add_to_a_child_stays() -> Result<()> {
    let stage = Stage::new("additions").await?;
    let _operator = stage.operator().await?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;
    let audit = stage.audit()?;
    let added = json!({"metadata": {"annotations": {"somebody.example/note": "mine"}, "labels": {"somebody.example/team": "a"}}});
    for child in CHILDREN {
        stage.api(child).patch(&child.name("chat"), &PatchParams::default(), &Patch::Merge(&added)).await?;
    }
    stage.quiet().await?;
    // The status may follow: an annotation makes a new generation of a Deployment.
    let writes: Vec<_> = audit.writes()?.into_iter().filter(|it| it.resource != "realtimeservices/status").collect();
    stage.holds(writes.is_empty(), &format!("additions are no drift: {writes:?}")).await?;
    for child in CHILDREN {
        let now = stage.child(child, "chat").await?;
        assert_eq!(now["metadata"]["annotations"]["somebody.example/note"], "mine", "{}", child.kind);
    }
    Ok(())
}

/// `/a/b` and a value as `{"a": {"b": value}}`.
fn at(pointer: &str, value: &Value) -> Value {
    let steps = pointer.split('/').skip(1).collect::<Vec<_>>();
    steps.iter().rev().fold(value.clone(), |below, step| json!({step.replace("~1", "/"): below}))
}
