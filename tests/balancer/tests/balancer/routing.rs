//! Hosts, paths, headers, redirects.

use anyhow::Result;
use local_balancer::Options;
use serde_json::{Value, json};

use crate::{
    backend::Backend,
    client::{self, who},
    stage::{Stage, backend},
};

#[tokio::test]
async fn requests_are_routed_by_host_and_path() -> Result<()> {
    let stage = Stage::new().await?;
    let (a, b, c) = (Backend::start("a").await?, Backend::start("b").await?, Backend::start("c").await?);
    for (service, server) in [("a", &a), ("b", &b), ("c", &c)] {
        stage.service(service, json!({})).await?;
        stage.ready(service, server).await?;
    }
    let (one, two) = (stage.host("one"), stage.host("two"));
    let path =
        |path: &str, kind: &str, service: &str| json!({"path": path, "pathType": kind, "backend": backend(service)});
    stage
        .ingress_of(
            "routes",
            json!({}),
            json!({"rules": [
                {"host": one, "http": {"paths": [
                    path("/chat", "Prefix", "a"), path("/chat/exact", "Exact", "b"), path("/files/*", "ImplementationSpecific", "c"),
                ]}},
                {"host": two, "http": {"paths": [path("/", "Prefix", "b")]}},
            ]}),
        )
        .await?;
    for service in ["a", "b", "c"] {
        stage.balancer.healthy(&stage.namespace, service, 1).await?;
    }
    let client = client::http(&[&one, &two, "nobody.example.com"], stage.balancer.http())?;
    let get = |host: &str, path: &str| client.get(format!("http://{host}{path}"));
    for (host, path, name) in [
        (&one, "/chat", "a"),
        (&one, "/chat/", "a"),
        (&one, "/chat/room?x=1", "a"),
        (&one, "/chat/exact", "b"),
        (&one, "/files/1", "c"),
        (&two, "/chat", "b"),
    ] {
        assert_eq!(who(get(host, path)).await?, name, "{host}{path}");
    }
    for (host, path) in [(one.as_str(), "/chatter"), (&one, "/files"), (&one, "/"), ("nobody.example.com", "/chat")] {
        assert_eq!(get(host, path).send().await?.status(), 404, "{host}{path}");
    }
    Ok(())
}

#[tokio::test]
async fn other_classes_are_left_alone_unless_one_is_asked_for() -> Result<()> {
    let stage = Stage::with(Options { class: Some("portable".to_owned()), ..Options::default() }).await?;
    let server = Backend::start("a").await?;
    // No health check: readiness alone decides, and nothing answers on /.
    stage.bare_service("chat", json!({})).await?;
    stage.ready("chat", &server).await?;
    let hosts = [stage.host("portable"), stage.host("gce"), stage.host("none")];
    for (name, class, host) in
        [("portable", Some("portable"), &hosts[0]), ("gce", Some("gce"), &hosts[1]), ("none", None, &hosts[2])]
    {
        let path = json!({"path": "/", "pathType": "Prefix", "backend": backend("chat")});
        stage
            .apply(json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name},
                "spec": {"ingressClassName": class, "rules": [{"host": host, "http": {"paths": [path]}}]},
            }))
            .await?;
    }
    stage.balancer.settled().await?;
    let client = client::http(&hosts.each_ref().map(String::as_str), stage.balancer.http())?;
    assert_eq!(who(client.get(format!("http://{}", hosts[0]))).await?, "a");
    for host in &hosts[1..] {
        assert_eq!(client.get(format!("http://{host}")).send().await?.status(), 404, "{host}");
    }
    Ok(())
}

#[tokio::test]
async fn the_address_is_in_the_status() -> Result<()> {
    let (stage, server) = (Stage::new().await?, Backend::start("a").await?);
    stage.serve(&stage.host("chat"), json!({}), &[&server]).await?;
    assert_eq!(stage.addresses("chat").await?, ["127.0.0.1"]);
    Ok(())
}

#[tokio::test]
async fn headers_are_those_of_google() -> Result<()> {
    let (stage, server) = (Stage::new().await?, Backend::start("a").await?);
    let host = stage.host("chat");
    let config = json!({
        "customRequestHeaders": {"headers": ["X-Client: {client_ip_address}, {tls_ja3_fingerprint}", "X-Rate: 100%"]},
        "customResponseHeaders": {"headers": ["X-Served-By: lb"]},
    });
    stage.serve(&host, config, &[&server]).await?;
    let client = client::http(&[&host], stage.balancer.http())?;
    let request = client.get(format!("http://{host}/")).header("x-forwarded-for", "203.0.113.7");
    let answer = request.header("x-envoy-upstream-rq-timeout-ms", "1").send().await?.error_for_status()?;
    assert_eq!(answer.headers()["x-served-by"], "lb");
    assert_eq!(answer.headers()["via"], "1.1 google");
    assert!(!answer.headers().contains_key("server"));
    let seen: Value = answer.json::<Value>().await?["headers"].take();
    assert_eq!(seen["x-forwarded-for"], "203.0.113.7,127.0.0.1,127.0.0.1");
    assert_eq!(seen["x-forwarded-proto"], "http");
    assert_eq!(seen["via"], "1.1 google");
    assert_eq!(seen["x-client"], "127.0.0.1,");
    assert_eq!(seen["x-rate"], "100%");
    assert_eq!(seen["host"], host);
    let strange: Vec<_> =
        seen.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with("x-envoy")).collect();
    assert!(strange.is_empty(), "{strange:?}");
    Ok(())
}
