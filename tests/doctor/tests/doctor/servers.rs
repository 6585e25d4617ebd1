//! The right rung for every server.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use realtime_doctor::{Reason, Report, Rung, Target, climb, har};
use realtime_doctor_tests::{
    Case, Host,
    envoy::Envoy,
    go::Go,
    nginx::Nginx,
    node::Node,
    secure::{HOST, Secure},
};
use realtime_ladder::{Server, manifest, ports};

pub(crate) const APP: &str = "https://app.domain-b.com";
/// Longer than the cut, and than what a busy machine adds to it.
const HOLD: Duration = Duration::from_secs(20);

fn agrees(case: &Case, report: &Report) -> Result<()> {
    let found = (report.rung(), report.reason(), report.verdict());
    ensure!(found == (case.rung, case.reason, case.verdict), "{}: {found:?}\n{}", case.name, report.text());
    Ok(())
}

/// Judges one, and says what does not agree with the table.
async fn judge(case: &Case, target: &Target) -> Result<Report> {
    let report = climb(target).await;
    agrees(case, &report)?;
    if case.verdict != realtime_doctor::Verdict::Pass {
        let step = report.deciding().expect("something is wrong");
        ensure!(
            step.finding.change.is_some() && step.finding.cause.is_some(),
            "{}: no way out\n{}",
            case.name,
            report.text()
        );
    }
    let text = report.text() + &report.json().to_string() + &har::archive(&report).to_string();
    ensure!(!text.contains("Bearer abc"), "{}: a secret in\n{text}", case.name);
    Ok(report)
}

fn all(failures: Vec<String>) -> Result<()> {
    if failures.is_empty() { Ok(()) } else { bail!("{}", failures.join("\n\n")) }
}

#[tokio::test]
async fn the_doctor_names_the_right_rung_for_every_mistake_on_node() -> Result<()> {
    let node = Node::start(APP).await?;
    let mut failures = Vec::new();
    for case in Case::of(Host::Node) {
        let mut target = case.target(&node.url(case.name)?, APP)?;
        target.hold = (case.rung == Some(Rung::Cut)).then_some(HOLD);
        failures.extend(judge(case, &target).await.err().map(|error| format!("{error:#}")));
    }
    all(failures)
}

#[tokio::test]
async fn the_doctor_passes_this_projects_server() -> Result<()> {
    let server = Server::of_file(&manifest::allowing(&[APP])).await?;
    for case in Case::of(Host::Own) {
        let target = case.target(&server.url(), APP)?.path(&server.path)?;
        let report = judge(case, &target).await?;
        ensure!(
            report.steps.iter().filter(|step| step.finding.reason == Reason::NotReached).count() == 0,
            "{}",
            report.text()
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_doctor_names_the_right_rung_behind_nginx_and_envoy() -> Result<()> {
    let node = Node::start(APP).await?;
    let nobody = ports::free()?;
    let (nginx, dead) = (Nginx::start(node.port("right")?).await?, Nginx::start(nobody.port()).await?);
    let envoy = Envoy::start(node.port("right")?).await?;
    let mut failures = Vec::new();
    for case in Case::of(Host::Nginx).chain(Case::of(Host::Envoy)) {
        let url = match (case.host, case.name) {
            (Host::Nginx, "dead-server") => dead.url(),
            (Host::Nginx, _) => nginx.url(),
            (_, name) => envoy.url(name),
        };
        let mut target = case.target(&url, APP)?;
        target.hold = (case.rung == Some(Rung::Cut)).then_some(HOLD);
        match judge(case, &target).await {
            Ok(report) if case.rung == Some(Rung::Cut) => {
                let said = &report.deciding().expect("it is cut").finding.message;
                if !(said.contains("after 3.") || said.contains("after 4.") || said.contains("after 2.9")) {
                    failures.push(format!("not after 3 s: {said}"));
                }
            }
            Ok(_) => {}
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    all(failures)
}

#[tokio::test]
async fn the_doctor_names_the_right_rung_for_servers_of_go() -> Result<()> {
    let go = Go::start().await?;
    let mut failures = Vec::new();
    for case in Case::of(Host::Go) {
        let target = case.target(&go.url(case.name)?, APP)?;
        failures.extend(judge(case, &target).await.err().map(|error| format!("{error:#}")));
    }
    all(failures)
}

#[tokio::test]
async fn the_doctor_names_the_right_rung_where_nothing_answers_or_the_certificate_is_wrong() -> Result<()> {
    let node = Node::start(APP).await?;
    let right = node.port("right")?;
    let nobody = ports::free()?;
    let mut failures = Vec::new();
    for case in Case::of(Host::Tls).chain(Case::of(Host::Nobody)) {
        let front = match case.name {
            "other-name" => Some(Secure::start("other.localhost", 90, right).await?),
            "expired" => Some(Secure::start(HOST, -1, right).await?),
            "self-signed" => Some(Secure::start(HOST, 90, right).await?),
            _ => None,
        };
        let target = match (case.name, &front) {
            ("plain", _) => case.target(&format!("https://127.0.0.1:{right}"), APP)?,
            ("nobody", _) => case.target(&format!("http://{nobody}"), APP)?,
            ("no-name", _) => case.target("https://nowhere.invalid", APP)?,
            ("self-signed", Some(front)) => case.target(&front.url(), APP)?.connect_to(&front.address())?,
            (_, Some(front)) => {
                case.target(&front.url(), APP)?.connect_to(&front.address())?.authorities(front.authority.clone())?
            }
            (name, None) => bail!("nobody starts {name}"),
        };
        failures.extend(judge(case, &target).await.err().map(|error| format!("{error:#}")));
    }
    all(failures)
}

#[tokio::test]
async fn with_the_right_authority_and_certificate_the_whole_ladder_is_climbed_over_tls() -> Result<()> {
    let node = Node::start(APP).await?;
    let front = Secure::start(HOST, 90, node.port("right")?).await?;
    let target = Target::new(&front.url(), APP)?.connect_to(&front.address())?.authorities(front.authority.clone())?;
    let report = climb(&target).await;
    ensure!(report.rung().is_none(), "{}", report.text());
    let tls = report.steps.iter().find(|step| step.rung == Rung::Tls).expect("a step").finding.message.clone();
    ensure!(tls.contains("an authority of the tests"), "{tls}");

    let mismatch = Secure::start("other.localhost", 90, node.port("right")?).await?;
    let mut target = Target::new(&mismatch.url(), APP)?.connect_to(&mismatch.address())?;
    target.insecure = true;
    let report = climb(&target).await;
    ensure!(report.reason() == Reason::NotVerified, "--insecure goes on: {}", report.text());
    Ok(())
}
