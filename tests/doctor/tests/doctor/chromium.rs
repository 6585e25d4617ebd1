//! What the doctor says about a page's requests is what Chromium does.

use anyhow::{Context, Result, ensure};
use realtime_doctor::{Rung, Verdict, climb};
use realtime_doctor_tests::{Case, Host, node::Node};
use realtime_ladder::{Browser, Site, Version};
use serde_json::{Value, json};

/// Rungs that a page by polling meets.
const RUNGS: [Rung; 4] = [Rung::Path, Rung::Handshake, Rung::Preflight, Rung::Authorization];
/// A page would wait for its own timeout.
const SILENT: [&str; 2] = ["silent", "closing"];

#[tokio::test]
async fn a_page_in_chromium_meets_what_the_doctor_says() -> Result<()> {
    let site = Site::serve().await?;
    let origin = site.origin();
    let node = Node::start(&origin).await?;
    let mut page = Browser::open(&site.empty(Version::V4)).await?;
    for case in Case::of(Host::Node).filter(|case| !SILENT.contains(&case.name)) {
        let mut target = case.target(&node.url(case.name)?, &origin)?;
        target.websocket = false;
        let report = climb(&target).await;
        let refused =
            report.steps.iter().find(|step| step.finding.verdict == Verdict::Fail && RUNGS.contains(&step.rung));

        // Replicas are a rung of later requests, and a connection is tried once here.
        let (has_connected, console) = connect(&mut page, case, &node.url(case.name)?).await?;
        if matches!(case.rung, Some(Rung::Replicas | Rung::Cut)) {
            continue;
        }
        ensure!(
            has_connected == refused.is_none(),
            "{}: Chromium connects: {has_connected}\n{}\n{}",
            case.name,
            console.join("\n"),
            report.text()
        );
        let Some(step) = refused else { continue };
        let said = console.iter().find_map(|line| line.split_once("has been blocked by CORS policy: "));
        if let Some((_, said)) = said {
            let expected = step.finding.console.as_deref().context("the doctor knows the words")?;
            ensure!(expected.contains(said), "{}: Chromium says\n{said}\nand the doctor\n{expected}", case.name);
        }
        let is_cors = realtime_doctor::explain(console.first().map_or("", String::as_str)).first().map(|it| it.reason);
        ensure!(said.is_none() || is_cors.is_some(), "{}: explain-close does not know {console:?}", case.name);
    }
    page.close().await
}

/// One try by polling alone, with what the console said meanwhile.
async fn connect(page: &mut Browser, case: &Case, url: &str) -> Result<(bool, Vec<String>)> {
    let before = page.console()?.len();
    let headers: Value = case
        .page
        .headers
        .iter()
        .filter_map(|header| header.split_once(": "))
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let options = json!({"path": case.page.path, "transports": ["polling"], "forceNew": true, "reconnection": false, "timeout": 8000,
        "withCredentials": case.page.credentials, "extraHeaders": headers});
    page.eval(&format!(
        "{{ window.outcome = ''; const socket = io('{url}', {options});
            socket.on('connect', () => {{ window.outcome = 'connected'; socket.close(); }});
            socket.on('connect_error', (error) => window.outcome = error.message); }}"
    ))
    .await?;
    let outcome = page.wait_for("outcome").await?;
    // What the console says comes before the page's own event, but by another way.
    page.eval("new Promise((done) => setTimeout(done, 0))").await?;
    Ok((outcome == "connected", page.console()?.split_off(before)))
}
