//! Handshakes of every client by every way, each request to the next pod: nothing keeps a client at one.

use std::{collections::BTreeMap, path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};
use realtime_chart_tests::file;
use serde::Deserialize;
use tokio::process::Command;

use crate::{
    crowd::Entrance,
    scenario::{Scenario, Served},
    site::Site,
    table,
};

const CLIENTS: [&str; 3] = ["4", "3", "2"];
const WAYS: [&str; 3] = ["polling", "websocket", "upgrade"];
/// Age of a WebSocket, in seconds; none becomes as old.
const AGE: u64 = 3600;

/// What came of those of one client by one way.
#[derive(Debug, Deserialize)]
pub struct Outcome {
    client: String,
    mode: String,
    wanted: usize,
    connected: usize,
    upgraded: usize,
    echoed: usize,
    failed: usize,
    /// Status and message, and how often.
    refused: BTreeMap<String, usize>,
}

/// So many of each, one server after the other.
///
/// # Errors
/// When it cannot be run.
pub async fn play(site: &mut Site, served: Served, count: usize) -> Result<Vec<Outcome>> {
    site.serve(Scenario::Steady, AGE).await?;
    let mut outcomes = Vec::new();
    for client in CLIENTS {
        for way in WAYS {
            let outcome = one(site.entrance(), client, way, count).await?;
            eprintln!("{}", line(served, &outcome));
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

async fn one(entrance: Entrance<'_>, client: &str, way: &str, count: usize) -> Result<Outcome> {
    let Entrance { at, host, path } = entrance;
    let mut node = Command::new("node");
    node.arg(file("server/tests/peers/crowd.mjs"));
    node.args(["--url", &format!("http://{at}"), "--host", host, "--path", path]);
    node.args(["--client", client, "--mode", way, "--count", &count.to_string()]);
    let output =
        node.stderr(Stdio::inherit()).kill_on_drop(true).output().await.context("failed to run the clients")?;
    ensure!(output.status.success(), "the clients ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("an outcome")
}

/// The promises that are broken, in words.
pub fn broken(served: Served, outcomes: &[Outcome]) -> Vec<String> {
    let is_broken = |outcome: &&Outcome| {
        let upgrades = if outcome.mode == "upgrade" { outcome.wanted } else { 0 };
        let is_whole = outcome.connected == outcome.wanted && outcome.echoed == outcome.wanted;
        !is_whole || outcome.upgraded != upgrades || !outcome.refused.is_empty()
    };
    match served {
        Served::Bundled => outcomes.iter().filter(is_broken).map(|outcome| format!("{outcome:?}")).collect(),
        Served::Node if outcomes.iter().any(|outcome| is_broken(&outcome)) => Vec::new(),
        Served::Node => vec!["a server that needs affinity served everybody without: nothing was measured".to_owned()],
    }
}

fn line(served: Served, outcome: &Outcome) -> String {
    let Outcome { client, mode, wanted, connected, upgraded, echoed, failed, refused } = outcome;
    let refused: Vec<_> = refused.iter().map(|(what, count)| format!("{count} × {what}")).collect();
    let refused = if refused.is_empty() { "0".to_owned() } else { refused.join(", ") };
    let upgraded = if mode == "upgrade" { upgraded.to_string() } else { "–".to_owned() };
    format!("| {served} | {client} | {mode} | {wanted} | {connected} | {upgraded} | {echoed} | {failed} | {refused} |")
}

/// The table.
pub fn of(all: &[(Served, Vec<Outcome>)]) -> String {
    let lines = all.iter().flat_map(|(served, outcomes)| outcomes.iter().map(|outcome| line(*served, outcome) + "\n"));
    "| served by | socket.io-client | way | handshakes | connected | upgraded | heard their echoes | failed | refused requests of clients |\n\
     | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned()
        + &lines.collect::<String>()
}

/// Puts it between the marks of a file.
pub fn write(to: &Path, mark: &str, all: &[(Served, Vec<Outcome>)]) -> Result<()> {
    let text = std::fs::read_to_string(to)?;
    let (before, _, after) = table::between(&text, mark)?;
    Ok(std::fs::write(to, format!("{before}{}{after}", of(all)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(connected: usize, refused: &[(&str, usize)]) -> Outcome {
        let refused = refused.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect();
        let (client, mode) = ("4".to_owned(), "polling".to_owned());
        Outcome { client, mode, wanted: 2, connected, upgraded: 0, echoed: connected, failed: 2 - connected, refused }
    }

    #[test]
    fn one_refused_request_breaks_the_promise() {
        assert!(broken(Served::Bundled, &[outcome(2, &[])]).is_empty());
        assert_eq!(broken(Served::Bundled, &[outcome(2, &[("400 Session ID unknown", 1)])]).len(), 1);
        assert_eq!(broken(Served::Bundled, &[outcome(1, &[])]).len(), 1);
    }

    #[test]
    fn a_peer_that_fails_nowhere_shows_that_nothing_was_measured() {
        assert_eq!(broken(Served::Node, &[outcome(2, &[])]).len(), 1);
        assert!(broken(Served::Node, &[outcome(1, &[])]).is_empty());
    }
}
