//! HTTPS.

use std::time::Duration;

use anyhow::{Context, Result};
use kube::ResourceExt;
use local_balancer::SyncError;
use reqwest::{Certificate, Client, Version, redirect::Policy};
use serde_json::json;

use crate::{
    backend::Backend,
    client::{self, Socket},
    stage::{Stage, backend, until},
};

async fn managed(stage: &Stage, host: &str, more: serde_json::Value) -> Result<()> {
    stage
        .apply(json!({
            "apiVersion": "networking.gke.io/v1", "kind": "ManagedCertificate", "metadata": {"name": "chat"},
            "spec": {"domains": [host]},
        }))
        .await?;
    let mut annotations = more;
    annotations["networking.gke.io/managed-certificates"] = "chat".into();
    let path = json!({"path": "/", "pathType": "Prefix", "backend": backend("chat")});
    let rules = json!({"rules": [{"host": host, "http": {"paths": [path]}}]});
    stage.ingress_of("chat", annotations, rules).await?;
    stage.balancer.healthy(&stage.namespace, "chat", 1).await?;
    Ok(())
}

fn https(stage: &Stage, host: &str) -> Result<Client> {
    let authority = Certificate::from_pem(&std::fs::read(stage.balancer.ca())?)?;
    let builder = Client::builder().no_proxy().redirect(Policy::none()).tls_certs_only([authority]);
    Ok(builder.resolve(host, stage.balancer.https()).build()?)
}

#[tokio::test]
async fn https_is_served_with_a_certificate_of_the_local_authority() -> Result<()> {
    let (stage, server) = (Stage::new().await?, Backend::start("a").await?);
    let host = stage.host("chat");
    stage.service("chat", json!({})).await?;
    stage.ready("chat", &server).await?;
    managed(&stage, &host, json!({})).await?;
    let answer = https(&stage, &host)?.get(format!("https://{host}/")).send().await?.error_for_status()?;
    assert_eq!(answer.version(), Version::HTTP_2);
    let seen: serde_json::Value = answer.json().await?;
    assert_eq!(seen["name"], "a");
    assert_eq!(seen["headers"]["x-forwarded-proto"], "https");

    assert_eq!(Socket::open_tls(stage.balancer.https(), &host, stage.balancer.ca()).await?.name, "a");

    // As the controller of managed certificates does.
    let certificates = stage.api("networking.gke.io/v1", "ManagedCertificate")?;
    let ingresses = stage.api("networking.k8s.io/v1", "Ingress")?;
    until(Duration::from_secs(5), async || {
        let (certificate, ingress) = (certificates.get("chat").await?, ingresses.get("chat").await?);
        let is_active = certificate.data["status"]["certificateStatus"] == "Active";
        let name = format!("mcrt-{}", certificate.uid().unwrap_or_default());
        let is_named = ingress.annotations().get("ingress.gcp.kubernetes.io/pre-shared-cert") == Some(&name);
        Ok((is_active && is_named).then_some(()))
    })
    .await
}

#[tokio::test]
async fn plain_requests_are_redirected_where_a_frontend_config_says_so() -> Result<()> {
    let (stage, server) = (Stage::new().await?, Backend::start("a").await?);
    let host = stage.host("chat");
    stage.service("chat", json!({})).await?;
    stage.ready("chat", &server).await?;
    stage
        .apply(json!({
            "apiVersion": "networking.gke.io/v1beta1", "kind": "FrontendConfig", "metadata": {"name": "redirect"},
            "spec": {"redirectToHttps": {"enabled": true, "responseCodeName": "PERMANENT_REDIRECT"}},
        }))
        .await?;
    managed(&stage, &host, json!({"networking.gke.io/v1beta1.FrontendConfig": "redirect"})).await?;
    let answer = client::http(&[&host], stage.balancer.http())?.get(format!("http://{host}/a?b=c")).send().await?;
    assert_eq!(answer.status(), 308);
    let location = answer.headers()["location"].to_str()?.to_owned();
    assert_eq!(location, format!("https://{host}:{}/a?b=c", stage.balancer.https().port()));
    let answer = https(&stage, &host)?.get(location).send().await?.error_for_status()?;
    assert_eq!(answer.json::<serde_json::Value>().await?["path"], "/a");
    Ok(())
}

#[tokio::test]
async fn a_secret_is_served_and_a_new_one_in_its_place_cuts_nothing() -> Result<()> {
    let (stage, server) = (Stage::new().await?, Backend::start("a").await?);
    let host = stage.host("chat");
    stage.service("chat", json!({})).await?;
    stage.ready("chat", &server).await?;
    let secret = async || -> Result<Certificate> {
        let pair = rcgen::generate_simple_self_signed([host.clone()])?;
        let (chain, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
        stage
            .apply(json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "own"}, "type": "kubernetes.io/tls",
                "stringData": {"tls.crt": chain, "tls.key": key},
            }))
            .await?;
        Ok(Certificate::from_pem(chain.as_bytes())?)
    };
    let trusting = |certificate: Certificate| -> Result<Client> {
        let builder = Client::builder().no_proxy().tls_certs_only([certificate]);
        Ok(builder.resolve(&host, stage.balancer.https()).build()?)
    };
    let first = trusting(secret().await?)?;
    let path = json!({"path": "/", "pathType": "Prefix", "backend": backend("chat")});
    let spec = json!({"tls": [{"secretName": "own"}], "rules": [{"host": host, "http": {"paths": [path]}}]});
    stage.ingress_of("chat", json!({}), spec).await?;
    stage.balancer.healthy(&stage.namespace, "chat", 1).await?;
    let url = format!("https://{host}/");
    first.get(&url).send().await?.error_for_status()?;
    let connections = stage.balancer.stats().await?.get("http.https.downstream_cx_total");

    let second = trusting(secret().await?)?;
    stage.balancer.settled().await?;
    until(Duration::from_secs(5), async || Ok(second.get(&url).send().await.ok().map(|answer| answer.status())))
        .await
        .context("the new certificate")?;
    // The first client's connection is the one from before.
    first.get(&url).send().await?.error_for_status()?;
    let now = stage.balancer.stats().await?.get("http.https.downstream_cx_total");
    assert!(now > connections);
    Ok(())
}

#[tokio::test]
async fn a_secret_whose_key_does_not_fit_is_refused_and_harms_no_other_host() -> Result<()> {
    let (stage, server) = (Stage::new().await?, Backend::start("a").await?);
    let (host, other) = (stage.host("chat"), stage.host("other"));
    stage.service("chat", json!({})).await?;
    stage.ready("chat", &server).await?;
    managed(&stage, &host, json!({})).await?;
    let url = format!("https://{host}/");
    let client = https(&stage, &host)?;
    client.get(&url).send().await?.error_for_status()?;

    let (pair, stranger) = (rcgen::generate_simple_self_signed([other.clone()])?, rcgen::KeyPair::generate()?);
    stage
        .apply(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "unfit"}, "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": pair.cert.pem(), "tls.key": stranger.serialize_pem()},
        }))
        .await?;
    let path = json!({"path": "/", "pathType": "Prefix", "backend": backend("chat")});
    let spec = json!({"tls": [{"secretName": "unfit"}], "rules": [{"host": other, "http": {"paths": [path]}}]});
    stage.ingress_of("unfit", json!({}), spec).await?;
    stage.balancer.settled().await?;
    client.get(&url).send().await?.error_for_status()?;
    https(&stage, &host)?.get(&url).send().await?.error_for_status()?;
    let refused = stage.balancer.refused();
    let errors = refused.get(&format!("{}/unfit", stage.namespace)).context("refused")?;
    assert!(matches!(&errors[..], [SyncError::BadSecret { .. }]), "{errors:?}");
    Ok(())
}
