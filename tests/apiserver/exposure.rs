//! Another exposure: what is planned no longer goes.

use anyhow::Result;
use realtime_tests::{Child, Stage};
use serde_json::json;

use crate::manifests::service;

/// What the resource says, what it must have.
const STEPS: [(&str, &[&str]); 6] = [
    ("exposure: {gke: {}}", &["BackendConfig", "Ingress"]),
    ("exposure: {none: {}}", &[]),
    ("exposure: {ingress: {className: nginx, annotations: {a.example/b: c}}}", &["Ingress"]),
    ("exposure: {gke: {class: gce-internal}}", &["BackendConfig", "Ingress"]),
    ("", &["BackendConfig", "Ingress"]),
    ("exposure: {none: {}}", &[]),
];

#[tokio::test]
async fn switching_exposure_prunes_with_kubectl_apply() -> Result<()> {
    switch("exposure-client-side", &[]).await
}

#[tokio::test]
async fn switching_exposure_prunes_with_server_side_apply() -> Result<()> {
    switch("exposure-server-side", &["--server-side"]).await
}

async fn switch(namespace: &str, how: &[&str]) -> Result<()> {
    let stage = Stage::new(namespace).await?;
    let _operator = stage.operator().await?;
    for (more, expected) in STEPS {
        stage.try_apply(how, &service("chat", more)).await?.good()?;
        let what = format!("{more:?} has {expected:?}");
        stage
            .eventually(&what, async || {
                let kinds = stage.kinds("chat").await?;
                let of_exposure: Vec<_> =
                    kinds.iter().copied().filter(|kind| ["BackendConfig", "Ingress"].contains(kind)).collect();
                Ok((of_exposure == expected && kinds.len() == 6 + expected.len()).then_some(()))
            })
            .await?;
        let (class, class_name, neg) = match more {
            "exposure: {none: {}}" => (None, None, false),
            "exposure: {gke: {}}" | "" => (Some("gce"), None, true),
            "exposure: {gke: {class: gce-internal}}" => (Some("gce-internal"), None, true),
            _ => (None, Some("nginx"), false),
        };
        stage
            .eventually(&format!("{more:?} in Service and Ingress"), async || {
                let service = stage.child(Child::of("Service"), "chat").await?;
                let has_neg = !service["metadata"]["annotations"]["cloud.google.com/neg"].is_null();
                if expected.is_empty() {
                    return Ok((has_neg == neg).then_some(()));
                }
                let ingress = stage.child(Child::of("Ingress"), "chat").await?;
                let annotations = &ingress["metadata"]["annotations"];
                let as_asked = annotations["kubernetes.io/ingress.class"].as_str() == class
                    && annotations["a.example/b"].is_null() == class_name.is_none()
                    && ingress["spec"]["ingressClassName"].as_str() == class_name;
                Ok((as_asked && has_neg == neg).then_some(()))
            })
            .await?;
    }
    stage.says("chat", "Programmed", "True", "Programmed").await.map(|_| ())
}

#[tokio::test]
async fn headers_that_are_taken_out_leave_the_empty_field_that_takes_them_away_at_google() -> Result<()> {
    let stage = Stage::new("headers-taken-out").await?;
    let _operator = stage.operator().await?;
    let headers = "exposure: {gke: {customRequestHeaders: [\"X-Client-Region: {client_region}\"]}}";
    for (more, expected) in [
        (headers, json!({"headers": ["X-Client-Region: {client_region}"]})),
        ("exposure: {gke: {}}", json!({})),
        (headers, json!({"headers": ["X-Client-Region: {client_region}"]})),
        ("", json!({})),
    ] {
        stage.apply(&service("chat", more)).await?;
        stage
            .eventually(&format!("customRequestHeaders are {expected}"), async || {
                let config = stage.child(Child::of("BackendConfig"), "chat").await?;
                Ok((config["spec"]["customRequestHeaders"] == expected).then_some(()))
            })
            .await?;
    }
    Ok(())
}
