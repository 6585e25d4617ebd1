//! Reachable: the operator's own probe, against servers that really run behind the address that an Ingress has.

mod doors;
mod rungs;

use anyhow::Result;
use realtime_tests::{Cluster, Server, Stage};
use serde_json::json;

use crate::{
    manifests::service,
    readiness::{pods_are_ready, report},
};
use doors::{Doors, EXPOSURE};

/// The Ingress has this address.
async fn leads_to(stage: &Stage, service: &str, address: &str) -> Result<()> {
    report(stage, "Ingress", service, json!({"loadBalancer": {"ingress": [{"ip": address}]}})).await
}

/// The reasons of the Events about a service, those of the probe alone, in order.
async fn told(stage: &Stage, service: &str) -> Result<Vec<String>> {
    let sorted = ["get", "events.events.k8s.io", "-o", "json", "--sort-by=.eventTime"];
    let events: serde_json::Value = serde_json::from_str(&stage.kubectl(&sorted).await?.good()?)?;
    let events = events["items"].as_array().cloned().unwrap_or_default();
    let of_it = events.iter().filter(|event| event["regarding"]["name"] == service);
    let reasons = of_it.filter_map(|event| event["reason"].as_str());
    Ok(reasons.filter(|reason| reason.starts_with("Probe")).map(str::to_owned).collect())
}

#[tokio::test]
async fn a_page_that_connects_is_said_and_so_is_the_end_of_that() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "reachable").await?;
    let Some(doors) = Doors::new()? else { return Ok(()) };
    let _operator = stage.operator_with(&["--probe-ca", doors.authority()]).await?;
    let spec = format!("{EXPOSURE}\npath: /oursocketio\nprobe: {{via: LoadBalancer}}");
    stage.apply(&service("chat", &spec)).await?;
    stage.says("chat", "Reachable", "Unknown", "ProbePending").await?;
    let server = Server::start(&stage, "127.0.0.1:0", "127.0.0.1:0").await?;
    let open = doors.open("chat.domain-a.com", server.public.port()).await?;
    pods_are_ready(&stage, "chat", 1).await?;
    leads_to(&stage, "chat", &open.address).await?;

    let message = stage.says("chat", "Reachable", "True", "AllHold").await?;
    let all = "A page on https://app.domain-b.com can connect. A foreign origin is refused.";
    stage.holds(message == all, &message).await?;
    stage.says("chat", "Ready", "True", "Available").await?;

    // Another address is asked at once; one failure is none yet, and the second is told.
    let nobody = doors.address();
    leads_to(&stage, "chat", &nobody).await?;
    let message = stage.says("chat", "Reachable", "False", "Tls").await?;
    let says_what = message.contains("ConnectionRefused") && message.contains("nobody listens on port 443");
    stage.holds(says_what && message.contains("To do: "), &message).await?;
    let message = stage.says("chat", "Ready", "True", "Available").await?;
    stage.holds(message.contains("the probe could not connect (Tls)"), &message).await?;

    leads_to(&stage, "chat", &open.address).await?;
    stage.says("chat", "Reachable", "True", "AllHold").await?;
    let message = stage.says("chat", "Ready", "True", "Available").await?;
    stage.holds(message == "Clients can connect.", &message).await?;
    stage.quiet().await?;
    let told = told(&stage, "chat").await?;
    stage.holds(told == ["ProbePassed", "ProbeFailed", "ProbePassed"], &format!("{told:?}")).await?;

    // Whoever asks for no probe has no condition.
    stage.apply(&service("chat", &format!("{EXPOSURE}\npath: /oursocketio"))).await?;
    stage
        .eventually("Reachable is gone", async || {
            let status = stage.services().get("chat").await?.status.unwrap_or_default();
            Ok(status.conditions.iter().all(|condition| condition.type_ != "Reachable").then_some(()))
        })
        .await
}

#[tokio::test]
async fn an_operator_that_must_not_probe_says_so() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "probes-off").await?;
    let operator = stage.operator_with(&["--probes", "false"]).await?;
    stage.apply(&service("chat", "exposure: {none: {}}\nprobe: {}")).await?;
    pods_are_there(&stage).await?;
    let message = stage.says("chat", "Reachable", "Unknown", "ProbesOff").await?;
    stage.holds(message.contains("--probes=false"), &message).await?;
    stage.says("chat", "Ready", "True", "Available").await?;
    let metrics = operator.admin("/metrics").await?.1;
    assert!(metrics.contains("realtime_operator_probes_under_way 0"), "{metrics}");
    Ok(())
}

async fn pods_are_there(stage: &Stage) -> Result<()> {
    stage.says("chat", "Available", "Unknown", "PodsPending").await?;
    pods_are_ready(stage, "chat", 1).await
}
