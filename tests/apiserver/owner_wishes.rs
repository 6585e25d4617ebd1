//! paused, scale, and the marks of tools that track the resource.

use anyhow::Result;
use kube::api::DeleteParams;
use realtime_tests::{CHILDREN, Child, Stage};

use crate::manifests::{FIVE_LINES, service};

#[tokio::test]
async fn paused_changes_nothing_and_resumes() -> Result<()> {
    let stage = Stage::new("paused").await?;
    let _operator = stage.operator().await?;
    stage.apply(&service("chat", "")).await?;
    stage.settled("chat").await?;
    stage.apply(&service("chat", "paused: true\nworkload: {replicas: 2}\nexposure: {none: {}}")).await?;
    stage.says("chat", "Programmed", "Unknown", "Paused").await?;
    let before = stage.versions("chat").await?;
    stage.api(Child::of("ConfigMap")).delete("chat-policy", &DeleteParams::default()).await?;
    stage.quiet().await?;
    let after = stage.versions("chat").await?;
    let left: Vec<_> = before.into_iter().filter(|(kind, ..)| *kind != "ConfigMap").collect();
    stage.holds(left == after, &format!("nothing is changed while paused: {left:?} {after:?}")).await?;

    stage.apply(&service("chat", "paused: false\nworkload: {replicas: 2}\nexposure: {none: {}}")).await?;
    stage.says("chat", "Programmed", "True", "Programmed").await?;
    let kinds = stage.kinds("chat").await?;
    stage.holds(kinds.contains(&"ConfigMap") && !kinds.contains(&"Ingress"), &format!("{kinds:?}")).await?;
    assert_eq!(stage.child(Child::of("Deployment"), "chat").await?["spec"]["replicas"], 2);
    Ok(())
}

#[tokio::test]
async fn kubectl_scale_scales() -> Result<()> {
    let stage = Stage::new("scale").await?;
    let _operator = stage.operator().await?;
    stage.apply(FIVE_LINES).await?;
    stage.settled("chat").await?;
    stage.kubectl(&["scale", "rts/chat", "--replicas=3"]).await?.good()?;
    stage
        .eventually("three pods exist, and the status says so", async || {
            let deployment = stage.child(Child::of("Deployment"), "chat").await?;
            let scale = stage.services().get_scale("chat").await?;
            let exist = scale.status.as_ref().map(|status| status.replicas);
            Ok((deployment["spec"]["replicas"] == 3 && exist == Some(3)).then_some(()))
        })
        .await?;
    // What a HorizontalPodAutoscaler reads.
    let scale = stage.services().get_scale("chat").await?;
    let selector = scale.status.and_then(|status| status.selector).unwrap_or_default();
    let pods = stage.kubectl(&["get", "pods", "-l", &selector, "-o", "name"]).await?.good()?;
    assert_eq!(pods.lines().count(), 3, "{selector}");
    assert_eq!(stage.services().get("chat").await?.status.and_then(|status| status.pods).as_deref(), Some("0/3"));
    Ok(())
}

#[tokio::test]
async fn marks_of_tools_that_track_the_resource_never_reach_its_children() -> Result<()> {
    let stage = Stage::new("tracked").await?;
    let _operator = stage.operator().await?;
    let marks = "metadata:\n  name: chat\n  labels:\n    app.kubernetes.io/instance: argo-app\n    argocd.argoproj.io/instance: argo-app\n    \
                 kustomize.toolkit.fluxcd.io/name: flux-app\n    helm.toolkit.fluxcd.io/name: flux-app\n    team: a\n  \
                 annotations:\n    argocd.argoproj.io/tracking-id: 'argo-app:x'\n    meta.helm.sh/release-name: r\n    note: mine";
    stage.apply(&FIVE_LINES.replace("metadata: {name: chat}", marks)).await?;
    stage.settled("chat").await?;
    for child in CHILDREN {
        let meta = stage.child(child, "chat").await?["metadata"].clone();
        let text = format!("{} {}", meta["labels"], meta["annotations"]);
        for mark in ["argo", "flux", "helm", "last-applied", "team", "note"] {
            stage.holds(!text.contains(mark), &format!("no {mark:?} on {}: {text}", child.kind)).await?;
        }
        assert_eq!(meta["labels"]["app.kubernetes.io/instance"], "chat");
    }
    Ok(())
}
