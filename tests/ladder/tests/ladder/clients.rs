//! Clients of three generations, by every transport, among each other.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use realtime_ladder::{
    Server, Version,
    client::Client,
    client::Connected,
    manifest::{NAME, PATH, allowing},
    ports,
};
use serde_json::{Value, json};

use crate::APP;

async fn works(client: &mut Client, connected: &Connected) -> Result<()> {
    let sent = json!({"text": "hello", "list": [1, 2.5, null], "deep": {"umlaut": "ü"}});
    ensure!(client.ask("echo", sent.clone()).await? == sent);
    client.is_undisturbed(connected).await
}

#[tokio::test]
async fn the_client_of_the_ladder_connects_by_websocket_at_the_first_attempt() -> Result<()> {
    let server = Server::of_file(&allowing(&[APP])).await?;
    for version in Version::ALL {
        let (mut client, connected) = version.on(APP).fallback().connect(&server).await?;
        assert_eq!(connected.transport, "websocket", "{version}");
        works(&mut client, &connected).await?;
        assert_eq!(client.count("reconnect_attempt")?, 0, "{version}");
        client.close().await?;
    }
    server.has_connections(0).await
}

#[tokio::test]
async fn polling_alone_is_enough() -> Result<()> {
    let server = Server::of_file(&allowing(&[APP])).await?;
    for version in Version::ALL {
        let (mut client, connected) = version.on(APP).transports("polling").connect(&server).await?;
        assert_eq!(connected.transport, "polling", "{version}");
        works(&mut client, &connected).await?;
        assert_eq!(client.count("upgrade")?, 0, "{version}");
        client.close().await?;
    }
    server.has_connections(0).await
}

#[tokio::test]
async fn polling_becomes_websocket_and_stays_the_same_connection() -> Result<()> {
    let server = Server::of_file(&allowing(&[APP])).await?;
    for version in Version::ALL {
        let (mut client, connected) = version.on(APP).transports("polling,websocket").connect(&server).await?;
        if connected.transport == "polling" {
            assert_eq!(client.next("upgrade").await?["transport"], "websocket", "{version}");
        }
        works(&mut client, &connected).await?;
        assert_eq!(server.metric(r#"connections{transport="websocket""#).await?, 1, "{version}");
        client.close().await?;
        server.has_connections(0).await?;
    }
    Ok(())
}

#[tokio::test]
async fn where_websocket_is_refused_the_client_falls_back_to_polling() -> Result<()> {
    let mut resource = allowing(&[APP]);
    resource["spec"]["transports"] = json!(["polling"]);
    let server = Server::of_file(&resource).await?;
    for version in Version::ALL {
        let mut client = version.on(APP).fallback().quick().start(&server).await?;
        let refused = client.refused().await?;
        assert_eq!((refused.transport.as_str(), refused.status), ("websocket", 400), "{version}");
        assert_eq!(refused.body["code"], 0, "{version}: {}", refused.body);
        let attempt = client.next("reconnect_attempt").await?;
        assert_eq!(attempt["transports"], json!(["polling", "websocket"]), "{version}");
        let connected = client.connected().await?;
        assert_eq!(connected.transport, "polling", "{version}");
        assert_eq!(client.ask("echo", json!("by polling")).await?, "by polling");
        assert_eq!(client.count("upgrade")?, 0, "{version}: nothing is offered that is refused");
        client.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_came_too_early_connects_by_its_fallback_and_moves_to_websocket() -> Result<()> {
    let listen = ports::free()?;
    let mut early = Vec::new();
    for version in Version::ALL {
        early.push(version.on(APP).fallback().quick().start_at(&format!("http://{listen}"), PATH).await?);
    }
    for client in &mut early {
        client.next("connect_error").await?;
        client.next("reconnect_attempt").await?;
    }
    let server = Server::of_text_at(&allowing(&[APP]).to_string(), listen).await?;
    for mut client in early {
        client.connected().await?;
        assert_eq!(client.ask("echo", json!("here now")).await?, "here now", "{}", client.version);
        client.close().await?;
    }
    server.has_connections(0).await?;
    server.end().await
}

#[tokio::test]
async fn clients_of_every_version_share_a_room() -> Result<()> {
    let server = Server::of_file(&allowing(&[APP])).await?;
    let mut members = Vec::new();
    for (count, (version, transports)) in (1_u64..).zip(Version::ALL.into_iter().flat_map(both)) {
        let (mut client, connected) = version.on(APP).transports(transports).connect(&server).await?;
        let joined = client.ask("join", json!({"room": "lobby"})).await?;
        assert_eq!(joined, json!({"room": "lobby", "members": count}), "{version} by {transports}");
        members.push((client, connected));
    }
    let count = members.len();
    let ids: BTreeSet<_> = members.iter().map(|(_, connected)| connected.id.clone()).collect();
    assert_eq!(ids.len(), count);

    for (client, connected) in &mut members {
        let data = json!({"from": client.version.number(), "by": connected.transport});
        let told = client.ask("publish", json!({"room": "lobby", "data": data})).await?;
        assert_eq!(told, json!({"delivered": count}), "{}", client.version);
    }
    for (client, _) in &mut members {
        let mut authors = BTreeSet::new();
        for _ in 0..count {
            let message = client.hears("message").await?;
            assert_eq!(message["room"], "lobby");
            authors.extend(message["from"].as_str().map(str::to_owned));
        }
        assert_eq!(authors, ids, "{} hears everybody, itself too", client.version);
    }

    let (mut outside, _) = Version::V2.on(APP).connect(&server).await?;
    let told = outside.ask("broadcast", json!({"data": "to all"})).await?;
    assert_eq!(told, json!({"delivered": count + 1}));
    for (client, _) in &mut members {
        assert_eq!(client.hears("broadcast").await?["data"], "to all", "{}", client.version);
    }
    assert_eq!(outside.hears("broadcast").await?["data"], "to all");
    assert_eq!(outside.ask("presence", json!({})).await?["count"], count + 1);
    assert_eq!(outside.ask("presence", json!({"room": "lobby"})).await?["count"], count);
    assert_eq!(outside.count("message")?, 1, "a broadcast, and nothing of a room it is not in");

    let (mut gone, _) = members.pop().expect("there are members");
    assert_eq!(gone.ask("leave", json!({"room": "lobby"})).await?["members"], count - 1);
    gone.close().await?;
    for (client, _) in &mut members {
        while client.hears("presence").await? != json!({"room": "lobby", "members": count - 1}) {}
    }
    Ok(())
}

fn both(version: Version) -> [(Version, &'static str); 2] {
    [(version, "websocket"), (version, "polling")]
}

#[tokio::test]
async fn binary_arrives_as_it_was_sent_between_all_versions() -> Result<()> {
    let server = Server::of_file(&allowing(&[APP])).await?;
    let bytes = |more: u8| json!({"type": "Buffer", "data": [0, 1, 127, 128, 255, more]});
    let mut clients = Vec::new();
    for (version, transports) in Version::ALL.into_iter().flat_map(both) {
        let (mut client, _) = version.on(APP).transports(transports).connect(&server).await?;
        client.ask("join", json!({"room": "binary"})).await?;
        clients.push((client, transports));
    }
    for (more, (client, transports)) in (0_u8..).zip(&mut clients) {
        let version = client.version;
        let alone = client.ask("echo", bytes(more)).await?;
        assert_eq!(alone, bytes(more), "{version} by {transports}");
        let within = json!({"name": NAME, "parts": [bytes(more), bytes(9)]});
        assert_eq!(client.ask("echo", within.clone()).await?, within, "{version} by {transports}");
        client.ask("publish", json!({"room": "binary", "data": bytes(more)})).await?;
    }
    let count = u8::try_from(clients.len())?;
    for (client, transports) in &mut clients {
        let mut heard: Vec<Value> = Vec::new();
        for _ in 0..count {
            heard.push(client.hears("message").await?["data"].clone());
        }
        heard.sort_by_key(ToString::to_string);
        assert_eq!(heard, (0..count).map(bytes).collect::<Vec<_>>(), "{} by {transports}", client.version);
    }
    Ok(())
}

#[tokio::test]
async fn a_mistake_is_answered_in_words_that_name_the_field() -> Result<()> {
    let server = Server::of_file(&allowing(&[APP])).await?;
    for version in Version::ALL {
        let (mut client, connected) = version.on(APP).connect(&server).await?;
        let told = client.ask("join", json!({"rom": "lobby"})).await?;
        assert!(
            told["error"].as_str().is_some_and(|error| error.starts_with("room: is required")),
            "{version}: {told}"
        );
        let told = client.ask("publish", json!("lobby")).await?;
        assert!(told["error"].as_str().is_some_and(|error| error.starts_with("payload: ")), "{version}: {told}");
        client.is_undisturbed(&connected).await?;
    }
    Ok(())
}
