//! What belongs to somebody else is left alone, said, and looked at again.

use std::collections::BTreeMap;

use anyhow::Result;
use kube::{ResourceExt, api::DeleteParams};
use realtime_tests::{CHILDREN, Child, Stage};

use crate::manifests::{FIVE_LINES, service};

/// An object of each kind that somebody made, as unlike the operator's own as it can be.
fn foreign(kind: &str) -> &'static str {
    match kind {
        "ServiceAccount" => "",
        "Role" => "rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]",
        "RoleBinding" => "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}",
        "ConfigMap" => "immutable: true\ndata: {mine: 'yes'}",
        "BackendConfig" => {
            "spec: {timeoutSec: 30, connectionDraining: {drainingTimeoutSec: 0}, sessionAffinity: {affinityType: NONE}, \
             logging: {enable: true, sampleRate: 1.0}, healthCheck: {checkIntervalSec: 1, timeoutSec: 1, healthyThreshold: 1, \
             unhealthyThreshold: 1, type: HTTP, port: 80, requestPath: /}}"
        }
        "Service" => "spec: {type: ExternalName, externalName: somewhere.example}",
        "Ingress" => "spec: {defaultBackend: {service: {name: mine, port: {number: 80}}}}",
        "Deployment" => {
            "spec: {replicas: 0, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}"
        }
        other => unreachable!("{other} is no child"),
    }
}

#[tokio::test]
async fn a_foreign_object_is_left_alone_and_said_and_heals() -> Result<()> {
    let stage = Stage::new("foreign").await?;
    let _operator = stage.operator().await?;
    // One service for each kind that is in its way, all at once: what was foreign is looked at again after 30 seconds.
    let of = |child: Child| child.kind.to_lowercase();
    let (mut objects, mut services) = (Vec::new(), Vec::new());
    for child in CHILDREN {
        let (version, kind, name) = (child.api_version(), child.kind, child.name(&of(child)));
        objects.push(format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}}}\n{}\n", foreign(kind)));
        services.push(service(&of(child), ""));
    }
    stage.apply(&objects.join("---\n")).await?;
    let deployment = Child::of("Deployment");
    stage
        .eventually("the foreign Deployment is at rest", async || {
            let deployment = stage.child(deployment, &of(deployment)).await?;
            Ok(deployment["status"]["conditions"].is_array().then_some(()))
        })
        .await?;
    let mut before = BTreeMap::new();
    for child in CHILDREN {
        before.insert(child.kind, stage.child(child, &of(child)).await?);
    }
    stage.apply(&services.join("---\n")).await?;
    for child in CHILDREN {
        let message = stage.says(&of(child), "Programmed", "False", "ForeignObject").await?;
        let named = message.contains(&format!("{} {}", child.kind, child.name(&of(child))));
        stage.holds(named && message.contains("no controller owns it"), &message).await?;
    }
    stage.quiet().await?;
    for child in CHILDREN {
        assert_eq!(before[child.kind], stage.child(child, &of(child)).await?, "not one byte of {} changed", child.kind);
        // Nobody is bound to a Role of somebody else, no pod runs as their account, no way leads to their pods.
        let waiting = match child.kind {
            "ServiceAccount" => 2,
            "Role" | "ConfigMap" | "Service" => 1,
            _ => 0,
        };
        let expected = CHILDREN.len() - waiting;
        let kinds = stage.kinds(&of(child)).await?;
        stage.holds(kinds.len() == expected, &format!("the others of {} are applied: {kinds:?}", of(child))).await?;
    }
    let events =
        stage.kubectl(&["get", "events", "--field-selector=reason=ForeignObject", "-o", "name"]).await?.good()?;
    assert_eq!(events.lines().count(), CHILDREN.len(), "one event each:\n{events}");

    for child in CHILDREN {
        stage.api(child).delete(&child.name(&of(child)), &DeleteParams::background()).await?;
    }
    for child in CHILDREN {
        stage.says(&of(child), "Programmed", "Unknown", "AddressPending").await?;
        let now = stage.child(child, &of(child)).await?;
        assert_eq!(now["metadata"]["ownerReferences"][0]["kind"], "RealtimeService", "{} is ours now", child.kind);
    }
    Ok(())
}

#[tokio::test]
async fn an_object_of_another_service_is_never_touched() -> Result<()> {
    let stage = Stage::new("another-service").await?;
    let _operator = stage.operator().await?;
    // Paused, so that it does not prune what it is given.
    stage.apply(&service("first", "paused: true")).await?;
    let owner = stage.services().get("first").await?;
    let given = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: chat-policy\n  labels: {{app.kubernetes.io/managed-by: realtime-operator}}\n  \
         ownerReferences: [{{apiVersion: realtime-operator.dev/v1alpha1, kind: RealtimeService, name: first, controller: true, uid: {}}}]\n\
         data: {{policy.yaml: mine}}\n",
        owner.uid().unwrap_or_default()
    );
    stage.apply(&given).await?;
    let config_map = Child::of("ConfigMap");
    let before = stage.child(config_map, "chat").await?;
    stage.apply(FIVE_LINES).await?;
    let message = stage.says("chat", "Programmed", "False", "ForeignObject").await?;
    stage.holds(message.contains("RealtimeService first controls it"), &message).await?;
    stage.kubectl(&["delete", "rts", "chat"]).await?.good()?;
    stage
        .eventually(
            "the others are collected",
            async || Ok((stage.kinds("chat").await? == ["ConfigMap"]).then_some(())),
        )
        .await?;
    assert_eq!(before, stage.child(config_map, "chat").await?);
    Ok(())
}
