//! What a pod can rely on.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::support::{address, eventually, get, kubectl, request, run_pods, shared, supported};

#[tokio::test]
async fn pods_are_reached_by_address_and_through_a_service_from_the_machine_and_from_pods() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let cluster = shared().await?;
    run_pods(&cluster, "reached", &["a", "b"])?;
    let (a, b) = (address(&cluster, "reached", "pod/a")?, address(&cluster, "reached", "pod/b")?);
    assert_eq!(get(a, "/")?, "a");
    assert_eq!(get(a, &format!("/fetch?url=http://{b}/"))?, "b");

    kubectl(&cluster, &["expose", "pod", "b", "-n", "reached", "--port=8080"], "")?;
    let service = address(&cluster, "reached", "service/b")?;
    let limit = Duration::from_secs(10);
    assert_eq!(eventually(limit, || get(service, "/"))?, "b");
    assert_eq!(get(a, &format!("/fetch?url=http://{service}/"))?, "b");
    assert_eq!(get(a, "/fetch?url=http://b:8080/")?, "b");
    assert_eq!(get(a, "/fetch?url=http://b.reached.svc.cluster.local:8080/")?, "b");
    // A pod may find itself behind a Service.
    assert_eq!(get(b, &format!("/fetch?url=http://{service}/"))?, "b");
    Ok(())
}

#[tokio::test]
async fn a_pod_that_is_not_ready_gets_nothing_from_its_service() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let cluster = shared().await?;
    run_pods(&cluster, "readiness", &["web"])?;
    kubectl(&cluster, &["expose", "pod", "web", "-n", "readiness", "--port=8080"], "")?;
    let (pod, service) = (address(&cluster, "readiness", "pod/web")?, address(&cluster, "readiness", "service/web")?);
    let limit = Duration::from_secs(15);
    eventually(limit, || get(service, "/"))?;

    request("PUT", pod, "/ready?is=false")?;
    eventually(limit, || ensure_that(get(service, "/").is_err(), "the Service still leads to it"))?;
    assert_eq!(get(pod, "/")?, "web");

    request("PUT", pod, "/ready?is=true")?;
    eventually(limit, || get(service, "/"))?;
    Ok(())
}

#[tokio::test]
async fn a_pod_asks_the_api_with_the_token_of_its_service_account() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let cluster = shared().await?;
    run_pods(&cluster, "account", &["web"])?;
    let review: Value = serde_json::from_str(&get(address(&cluster, "account", "pod/web")?, "/who-am-i")?)?;
    assert_eq!(review["status"]["userInfo"]["username"], "system:serviceaccount:account:default");
    Ok(())
}

#[tokio::test]
async fn kubectl_reads_logs_runs_commands_and_forwards_ports() -> Result<()> {
    if !supported() {
        return Ok(());
    }
    let cluster = shared().await?;
    run_pods(&cluster, "looked-at", &["web"])?;
    assert_eq!(kubectl(&cluster, &["logs", "-n", "looked-at", "web"], "")?, "listening");
    let said = kubectl(&cluster, &["exec", "-n", "looked-at", "web", "--", "/web", "say", "hello", "there"], "")?;
    assert_eq!(said, "hello there");

    let mut forward = cluster.kubectl();
    forward.args(["port-forward", "-n", "looked-at", "pod/web", ":8080", "--address=127.0.0.1"]).stdout(Stdio::piped());
    let mut forward = forward.spawn()?;
    let mut line = String::new();
    // It ends when nobody reads what it says.
    let mut said = BufReader::new(forward.stdout.take().context("stdout is piped")?);
    said.read_line(&mut line)?;
    let port = line.strip_prefix("Forwarding from ").and_then(|rest| rest.split(" ->").next());
    let answer = port.context(line.clone()).and_then(|port| get(port.parse()?, "/"));
    forward.kill()?;
    forward.wait()?;
    assert_eq!(answer?, "web");
    Ok(())
}

fn ensure_that(holds: bool, otherwise: &'static str) -> Result<()> {
    ensure!(holds, otherwise);
    Ok(())
}
