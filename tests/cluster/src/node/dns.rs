//! The cluster's DNS: names of Services for pods. It runs beside the control plane, behind a Service as in any cluster.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::network::Plan;
use crate::{arguments::path, credentials::Credentials, ports, process::Process, request::Requester};

pub(super) const DOMAIN: &str = "cluster.local";
const SERVICES: &str = "/api/v1/namespaces/kube-system/services";
const SLICES: &str = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices";

/// The name that kubectl and people look for.
const NAME: &str = "kube-dns";

pub(super) fn start(
    tools: &Path,
    data: &Path,
    plan: &Plan,
    credentials: &Credentials,
) -> Result<(Process, SocketAddr)> {
    let address = ports::free(IpAddr::V4(plan.host)).context("failed to find a free port")?;
    let config = data.join("Corefile");
    // Names of elsewhere are refused at once: pods have no way there.
    let text = format!(
        ".:{} {{\n  bind {}\n  errors\n  kubernetes {DOMAIN} {{\n    kubeconfig {} local\n  }}\n}}\n",
        address.port(),
        address.ip(),
        credentials.dns_kubeconfig.display(),
    );
    fs::write(&config, text)?;
    Ok((Process::start(tools, data, "coredns", &[path("conf", &config), "-quiet".to_owned()])?, address))
}

pub(super) async fn publish(requester: &Requester, service: Ipv4Addr, server: SocketAddr) -> Result<()> {
    create(requester, SERVICES, &published_service(service)).await?;
    create(requester, SLICES, &published_endpoint(server)).await
}

async fn create(requester: &Requester, path: &str, object: &Value) -> Result<()> {
    let answer = requester.post(path, object).await?;
    ensure!(answer.code == 201, "failed to create {NAME}: {}", String::from_utf8_lossy(&answer.body));
    Ok(())
}

fn published_service(address: Ipv4Addr) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "labels": {"k8s-app": NAME, "kubernetes.io/cluster-service": "true"}},
        "spec": {
            "clusterIP": address,
            "ports": [
                {"name": "dns", "protocol": "UDP", "port": 53},
                {"name": "dns-tcp", "protocol": "TCP", "port": 53},
            ],
        },
    })
}

fn published_endpoint(server: SocketAddr) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": NAME, "labels": {"kubernetes.io/service-name": NAME}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [server.ip()], "conditions": {"ready": true}}],
        "ports": [
            {"name": "dns", "protocol": "UDP", "port": server.port()},
            {"name": "dns-tcp", "protocol": "TCP", "port": server.port()},
        ],
    })
}
