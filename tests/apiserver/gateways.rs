//! Ways in through Gateways, and changing from one way to another without a gap.

use anyhow::{Result, ensure};
use realtime_tests::{Child, Cluster, Stage};
use serde_json::{Value, json};

use crate::{
    manifests::service,
    readiness::{address_is_there, pods_are_ready, report},
};

const THROUGH_GKE: &str = "exposure: {gkeGateway: {parentRefs: [{name: edge}], logging: {sampleRate: 0.5}}}";
const THROUGH_ANY: &str = "exposure: {gateway: {parentRefs: [{name: web, namespace: infra}]}}";

/// What the Gateway controller says of the route as it is now.
pub async fn route_says(stage: &Stage, name: &str, accepted: bool) -> Result<()> {
    let route = stage.child(Child::of("HTTPRoute"), name).await?;
    let generation = &route["metadata"]["generation"];
    let condition = |kind: &str, status: bool| {
        json!({"type": kind, "status": if status { "True" } else { "False" }, "reason": if status { kind } else { "NotAllowedByListeners" },
            "message": "said by the test", "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    let parent = json!({"parentRef": route["spec"]["parentRefs"][0], "controllerName": "example.com/gateway",
        "conditions": [condition("Accepted", accepted), condition("ResolvedRefs", true)]});
    report(stage, "HTTPRoute", name, json!({"parents": [parent]})).await
}

/// All that was planned is there: the Deployment comes last.
pub async fn placed(stage: &Stage) -> Result<()> {
    let placed = async || Ok(stage.kinds("chat").await?.contains(&"Deployment").then_some(()));
    stage.eventually("the Deployment is there", placed).await?;
    stage.quiet().await
}

fn of_routes(kinds: &[&'static str]) -> Vec<&'static str> {
    let routes = ["BackendConfig", "Ingress", "GCPBackendPolicy", "HealthCheckPolicy", "HTTPRoute"];
    routes.into_iter().filter(|kind| kinds.contains(kind)).collect()
}

#[tokio::test]
async fn a_gateway_that_takes_the_route_makes_it_ready_and_one_that_refuses_is_quoted() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "gateway").await?;
    let _operator = stage.operator().await?;
    stage.apply(&service("chat", THROUGH_ANY)).await?;
    placed(&stage).await?;
    pods_are_ready(&stage, "chat", 1).await?;
    stage.says("chat", "Ready", "Unknown", "RoutePending").await?;
    route_says(&stage, "chat", false).await?;
    let message = stage.says("chat", "Ready", "False", "RouteRefused").await?;
    stage.holds(message.contains("NotAllowedByListeners: said by the test"), &message).await?;
    route_says(&stage, "chat", true).await?;
    stage.says("chat", "Ready", "True", "Available").await?;
    let status = stage.services().get("chat").await?.status.unwrap_or_default();
    ensure!(status.url.as_deref() == Some("https://chat.domain-a.com/socket.io"), "{:?}", status.url);
    Ok(())
}

#[tokio::test]
async fn the_old_way_in_goes_only_when_the_new_one_carries_traffic() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "transition").await?;
    let _operator = stage.operator().await?;
    stage.apply(&service("chat", "exposure: {gke: {}}")).await?;
    placed(&stage).await?;
    address_is_there(&stage, "chat").await?;
    pods_are_ready(&stage, "chat", 1).await?;
    stage.says("chat", "Ready", "True", "Available").await?;
    let ingress = stage.child(Child::of("Ingress"), "chat").await?;

    stage.apply(&service("chat", THROUGH_GKE)).await?;
    stage.says("chat", "Ready", "Unknown", "RoutePending").await?;
    stage.quiet().await?;
    let all = ["BackendConfig", "Ingress", "GCPBackendPolicy", "HealthCheckPolicy", "HTTPRoute"];
    ensure!(of_routes(&stage.kinds("chat").await?) == all, "both ways are open");
    ensure!(ingress == stage.child(Child::of("Ingress"), "chat").await?, "the old one is untouched");
    let annotations =
        |service: &Value| service["metadata"]["annotations"]["cloud.google.com/backend-config"].is_string();
    ensure!(annotations(&stage.child(Child::of("Service"), "chat").await?), "and has what it needs of the Service");

    route_says(&stage, "chat", true).await?;
    stage
        .eventually("the old way is closed", async || {
            let left = of_routes(&stage.kinds("chat").await?);
            Ok((left == ["GCPBackendPolicy", "HealthCheckPolicy", "HTTPRoute"]).then_some(()))
        })
        .await?;
    stage
        .eventually("the Service is for the new way alone", async || {
            Ok((!annotations(&stage.child(Child::of("Service"), "chat").await?)).then_some(()))
        })
        .await?;
    stage.says("chat", "Ready", "True", "Available").await?;

    // Nothing to wait for: whoever asks for no way in wants it closed.
    stage.apply(&service("chat", "exposure: {none: {}}")).await?;
    stage
        .eventually("no way in is left", async || Ok(of_routes(&stage.kinds("chat").await?).is_empty().then_some(())))
        .await
}

#[tokio::test]
async fn a_certificate_of_googles_is_waited_for() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "certificate").await?;
    let _operator = stage.operator().await?;
    stage.apply(&service("chat", "exposure: {gke: {managedCertificate: true, redirectToHttps: true}}")).await?;
    placed(&stage).await?;
    address_is_there(&stage, "chat").await?;
    pods_are_ready(&stage, "chat", 1).await?;
    let message = stage.says("chat", "Ready", "Unknown", "CertificatePending").await?;
    stage.holds(message.contains("203.0.113.7"), &message).await?;
    let failed = json!({"certificateStatus": "ProvisioningFailedPermanently",
        "domainStatus": [{"domain": "chat.domain-a.com", "status": "FailedCaaForbidden"}]});
    report(&stage, "ManagedCertificate", "chat", failed).await?;
    let message = stage.says("chat", "Ready", "False", "CertificateFailed").await?;
    stage.holds(message.contains("FailedCaaForbidden"), &message).await?;
    report(&stage, "ManagedCertificate", "chat", json!({"certificateStatus": "Active"})).await?;
    stage.says("chat", "Ready", "True", "Available").await.map(|_| ())
}
