//! `kubectl edit`, and pages on a new origin connect while nobody else loses a connection.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use realtime_ladder::{Browser, Client, Cluster, Server, Site, Version, client::Connected, manifest::allowing, wait};
use serde_json::Value;

use crate::{APP, OTHER};

const SECOND: Duration = Duration::from_secs(1);
/// Times that the origin is added and removed again: one by `kubectl edit`, the others by `kubectl patch`.
const RUNS: usize = 10;

/// One client of each generation, and one more by polling.
async fn everybody(origin: &str, server: &Server) -> Result<Vec<(Client, Connected)>> {
    let mut clients = Vec::new();
    for version in Version::ALL {
        clients.push(version.on(origin).fallback().quick().connect(server).await?);
    }
    clients.push(Version::V4.on(origin).transports("polling").quick().connect(server).await?);
    Ok(clients)
}

async fn are_undisturbed(clients: &mut [(Client, Connected)]) -> Result<()> {
    for (client, connected) in clients {
        client.is_undisturbed(connected).await?;
    }
    Ok(())
}

/// The example page, which from now on tries again every 50 ms.
async fn impatient_page(site: &Site, server: &Server) -> Result<Browser> {
    let mut page = Browser::open(&site.chat(server)).await?;
    page.wait_for("!!chat.socket").await?;
    page.eval("{ const { io } = chat.socket; io.reconnectionDelay(50); io.reconnectionDelayMax(50); io.randomizationFactor(0); }").await?;
    Ok(page)
}

#[tokio::test]
async fn adding_an_origin_with_kubectl_lets_the_same_page_in_within_a_second_while_others_stay() -> Result<()> {
    let namespace = "adding";
    let cluster = Cluster::shared().await?;
    let server = cluster.serve(namespace, &allowing(&[APP])).await?;
    let mut others = everybody(APP, &server).await?;
    let site = Site::serve().await?;
    let mut page = impatient_page(&site, &server).await?;
    page.says("blocked by CORS policy").await?;
    assert_eq!(page.eval("chat.socket.connected").await?, false);

    let mut times = Vec::new();
    for run in 0..RUNS {
        if run == 0 {
            let script = format!("s|^\\( *\\)- {APP}$|&\\n\\1- {}|", site.origin());
            cluster.edit(namespace, &script).await?;
        } else {
            cluster.allow(namespace, &[APP, &site.origin()]).await?;
        }
        let edited = Instant::now();
        page.wait_for("chat.socket.connected").await?;
        times.push(edited.elapsed());
        if run + 1 < RUNS {
            cluster.allow(namespace, &[APP]).await?;
            page.wait_for("!chat.socket.connected").await?;
            let denied = async || server.denied(&site.origin()).await.map(Some);
            wait::until("the page is denied again", denied).await?;
        }
    }
    times.sort();
    println!("kubectl has returned → the page is connected, {RUNS} runs: {times:.0?}, median {:.0?}", times[RUNS / 2]);
    assert!(times[RUNS - 1] < SECOND, "{times:?}");

    are_undisturbed(&mut others).await?;
    let service = cluster.observed(namespace).await?;
    assert_eq!(server.status().await?["policyGeneration"], service["metadata"]["generation"]);
    let forgotten = async || Ok(server.denied(&site.origin()).await.is_err().then_some(()));
    wait::until("what is allowed now is no longer among the denied", forgotten).await?;
    page.close().await
}

#[tokio::test]
async fn removing_an_origin_closes_its_connections_and_no_other() -> Result<()> {
    let namespace = "removing";
    let cluster = Cluster::shared().await?;
    let site = Site::serve().await?;
    let server = cluster.serve(namespace, &allowing(&[APP, OTHER, &site.origin()])).await?;
    let mut kept = everybody(APP, &server).await?;
    let mut gone = everybody(OTHER, &server).await?;
    let mut page = Browser::open(&site.chat(&server)).await?;
    page.wait_for("chat.state === 'connected'").await?;
    server.has_connections(kept.len() + gone.len() + 1).await?;

    cluster.allow(namespace, &[APP]).await?;
    let edited = Instant::now();
    for (client, connected) in &mut gone {
        client.next("disconnect").await?;
        let version = client.version;
        if connected.transport == "websocket" {
            let close = client.next("websocket_close").await?;
            assert_eq!(close["code"], 1008, "{version}: {close}");
            assert_eq!(close["reason"], "origin is no longer allowed", "{version}");
        }
    }
    page.wait_for("chat.trouble?.text.includes('1008')").await?;
    let took = edited.elapsed();
    println!("kubectl has returned → all {} connections of the removed origins are closed: {took:.0?}", gone.len() + 1);
    assert!(took < SECOND, "{took:?}");
    for (client, _) in &mut gone {
        assert_eq!(client.refused().await?.status, 403, "{} comes back and hears why", client.version);
        assert_eq!(client.count("connect")?, 1, "{}", client.version);
    }

    are_undisturbed(&mut kept).await?;
    server.has_connections(kept.len()).await?;
    page.close().await
}

#[tokio::test]
async fn the_api_goes_away_and_the_policy_stays() -> Result<()> {
    let namespace = "away";
    let mut cluster = Cluster::with_operator().await?;
    let server = cluster.serve(namespace, &allowing(&[APP])).await?;
    let mut clients = everybody(APP, &server).await?;
    let watch = async |word: &str| {
        let is_said = async || Ok((server.status().await?["watch"] == word).then_some(()));
        wait::until(&format!("the watch is {word}"), is_said).await.with_context(|| server.log())
    };
    watch("Connected").await?;

    cluster.local.stop_apiserver().await?;
    watch("Disconnected").await?;
    for version in Version::ALL {
        clients.push(version.on(APP).quick().connect(&server).await?);
        let mut denied = version.on(OTHER).start(&server).await?;
        assert_eq!(denied.refused().await?.status, 403, "{version}");
    }
    are_undisturbed(&mut clients).await?;

    cluster.local.start_apiserver().await?;
    let (_, took) = watch("Connected").await?;
    println!("the API is back → the server watches again: {took:.0?}");
    let mut waiting = Version::V4.on(OTHER).fallback().quick().start(&server).await?;
    waiting.refused().await?;
    cluster.allow(namespace, &[APP, OTHER]).await?;
    let edited = Instant::now();
    waiting.connected().await?;
    assert!(edited.elapsed() < SECOND, "{:?}", edited.elapsed());
    are_undisturbed(&mut clients).await?;
    let service: Value = cluster.observed(namespace).await?;
    assert_eq!(server.status().await?["policyGeneration"], service["metadata"]["generation"]);
    Ok(())
}

#[tokio::test]
async fn the_resource_goes_away_and_the_policy_stays() -> Result<()> {
    let namespace = "deleted";
    let cluster = Cluster::shared().await?;
    let server = cluster.serve(namespace, &allowing(&[APP])).await?;
    let mut clients = everybody(APP, &server).await?;
    cluster.kubectl(&["delete", "rts", "chat", "-n", namespace]).await?;
    let is_said = async || {
        let problems = server.status().await?["policyProblems"].to_string();
        Ok(problems.contains("is not in the cluster").then_some(()))
    };
    wait::until("the server says that the resource is gone", is_said).await?;
    clients.push(Version::V4.on(APP).connect(&server).await?);
    are_undisturbed(&mut clients).await
}
