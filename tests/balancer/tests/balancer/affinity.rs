//! BackendConfig's sessionAffinity.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use anyhow::Result;
use serde_json::json;

use crate::{
    backend::Backend,
    client::{self, Socket, who},
    stage::Stage,
};

async fn three() -> Result<[Backend; 3]> {
    Ok([Backend::start("a").await?, Backend::start("b").await?, Backend::start("c").await?])
}

#[tokio::test]
async fn client_ip_affinity_sticks() -> Result<()> {
    let (stage, servers) = (Stage::new().await?, three().await?);
    let host = stage.host("chat");
    let config = json!({"sessionAffinity": {"affinityType": "CLIENT_IP"}});
    stage.serve(&host, config, &servers.each_ref()).await?;
    let mut seen = BTreeSet::new();
    for last in 1..=16 {
        let source = IpAddr::from(Ipv4Addr::new(127, 0, 7, last));
        let client = client::http_from(source, &[&host], stage.balancer.http())?;
        let name = who(client.get(format!("http://{host}/"))).await?;
        for _ in 0..3 {
            assert_eq!(who(client.get(format!("http://{host}/"))).await?, name);
        }
        assert_eq!(Socket::open_from(source, stage.balancer.http(), &host).await?.name, name);
        seen.insert(name);
    }
    assert_eq!(seen.len(), 3, "16 clients were sent to {seen:?} alone");
    Ok(())
}

#[tokio::test]
async fn a_generated_cookie_sticks_and_is_not_for_other_sites() -> Result<()> {
    let (stage, servers) = (Stage::new().await?, three().await?);
    let host = stage.host("chat");
    let affinity = json!({"affinityType": "GENERATED_COOKIE", "affinityCookieTtlSec": 50});
    stage.serve(&host, json!({"sessionAffinity": affinity}), &servers.each_ref()).await?;
    let client = client::http(&[&host], stage.balancer.http())?;
    let get = || client.get(format!("http://{host}/"));
    let first = get().send().await?.error_for_status()?;
    let cookie = first.headers()["set-cookie"].to_str()?.to_owned();
    let name = first.json::<serde_json::Value>().await?["name"].clone();
    assert!(cookie.starts_with("GCLB=") && cookie.contains("Max-Age=50") && cookie.contains("HttpOnly"), "{cookie}");
    assert!(!cookie.contains("SameSite") && !cookie.contains("Secure"), "{cookie}");
    let pair = cookie.split(';').next().unwrap_or_default();
    for _ in 0..6 {
        assert_eq!(who(get().header("cookie", pair)).await?, name);
    }
    let mut others = BTreeSet::new();
    for _ in 0..6 {
        others.insert(who(get()).await?);
    }
    assert_eq!(others.len(), 3);
    Ok(())
}

#[tokio::test]
async fn without_affinity_requests_go_round() -> Result<()> {
    let (stage, servers) = (Stage::new().await?, three().await?);
    let host = stage.host("chat");
    stage.serve(&host, json!({"sessionAffinity": {"affinityType": "NONE"}}), &servers.each_ref()).await?;
    let client = client::http(&[&host], stage.balancer.http())?;
    let mut seen = Vec::new();
    for _ in 0..9 {
        seen.push(who(client.get(format!("http://{host}/"))).await?);
    }
    for name in ["a", "b", "c"] {
        assert_eq!(seen.iter().filter(|seen| *seen == name).count(), 3, "{seen:?}");
    }
    Ok(())
}
