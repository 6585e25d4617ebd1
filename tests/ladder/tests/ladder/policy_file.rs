//! The same manifest as a file, without a cluster.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use realtime_ladder::{Browser, Server, Site, Version, programs};

use crate::{APP, OTHER};

const SECOND: Duration = Duration::from_secs(1);
const LISTED: &str = "- http://localhost:5173";

#[tokio::test]
async fn the_example_serves_as_a_file_and_its_edits_are_live_within_a_second() -> Result<()> {
    let example = fs::read_to_string(programs::root().join("examples/chat.yaml"))?;
    ensure!(example.contains(LISTED), "the example lists {LISTED}");
    let server = Server::of_text(&example).await?;
    let mut kept = Vec::new();
    for version in Version::ALL {
        kept.push(version.on(APP).fallback().connect(&server).await?);
    }
    kept.push(Version::V4.on("https://pr-7.preview.domain-b.com").connect(&server).await?);

    let site = Site::serve().await?;
    let mut page = Browser::open(&site.chat(&server)).await?;
    let mut waiting = Version::V2.on(OTHER).fallback().quick().start(&server).await?;
    waiting.refused().await?;
    page.says("Unexpected response code: 403").await?;
    page.eval("{ const { io } = chat.socket; io.reconnectionDelay(50); io.reconnectionDelayMax(50); }").await?;
    page.says("blocked by CORS policy").await?;

    let more = example.replace(LISTED, &format!("{LISTED}\n      - {}\n      - {OTHER}", site.origin()));
    let mut took = Vec::new();
    // Of several edits: a machine that is busy may take its time.
    while took.len() < 3 && took.iter().all(|took| *took >= SECOND) {
        server.rewrite(&more)?;
        let edited = Instant::now();
        page.wait_for("chat.socket.connected").await?;
        waiting.connected().await?;
        took.push(edited.elapsed());
        server.rewrite(&example)?;
        waiting.next("disconnect").await?;
        page.wait_for("!chat.socket.connected").await?;
    }
    println!("the file is replaced → both are connected: {took:.0?}");
    assert!(took.iter().any(|took| *took < SECOND), "{took:?}");

    for (client, connected) in &mut kept {
        client.is_undisturbed(connected).await?;
    }
    server.has_connections(kept.len()).await?;
    page.close().await
}
