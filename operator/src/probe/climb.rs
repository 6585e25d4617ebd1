//! I/O: one climb, with an end.

use std::{net::IpAddr, path::Path, time::Duration};

use realtime_doctor::{Report, Rung, Target, Verdict, climb, climb_telling};
use tokio::time::timeout;

use super::{Answer, Question, Ticket, answer::Besides, course::Stage};

/// A climb of a dozen requests, each with a limit of its own.
const LONGEST: Duration = Duration::from_secs(60);
const RESOLVER: Duration = Duration::from_secs(5);

/// Climbs; None where there is nothing to climb.
pub(super) async fn answer(ticket: &Ticket, authorities: Option<&Path>) -> Option<Answer> {
    let question = &ticket.question;
    let trusted = trusted(authorities).await;
    let hold = question.hold.filter(|_| ticket.stage == Stage::Hold);
    let address = question.address();
    let connect_to = address.filter(|_| question.by_address);
    let target = question.target(connect_to, hold).inspect_err(|error| tracing::warn!(%error, "no probe")).ok()?;
    let target = Target { authorities: trusted.clone(), ..target };
    let limit = LONGEST + hold.unwrap_or_default();
    let mut judged = Vec::new();
    let mut tell = |step: &realtime_doctor::Step| judged.push(step.rung);
    let Ok(report) = timeout(limit, climb_telling(&target, &mut tell)).await else {
        let rung = Rung::ALL.into_iter().find(|rung| !judged.contains(rung)).unwrap_or(Rung::Cut);
        return Some(Answer::late(question, rung, limit));
    };
    let mut besides = Besides::default();
    if report.verdict() == Verdict::Fail && connect_to.is_none() {
        match address {
            Some(address) if report.rung() == Some(Rung::Dns) => {
                besides.by_address = behind(question, address, trusted).await;
            }
            _ => besides.leads_to = resolve(question).await,
        }
    }
    let measures = question.hold.is_some() && ticket.stage == Stage::Climb;
    Some(Answer::of(question, &report, &besides, measures))
}

/// The authorities of the file as they are now. Without them a certificate is judged as a browser does that does not know them.
async fn trusted(authorities: Option<&Path>) -> Vec<u8> {
    let Some(file) = authorities else { return Vec::new() };
    let read = tokio::fs::read(file).await;
    read.inspect_err(|error| tracing::warn!(%error, file = %file.display(), "failed to read --probe-ca"))
        .unwrap_or_default()
}

async fn behind(question: &Question, address: &str, authorities: Vec<u8>) -> Option<Report> {
    let target = Target { authorities, ..question.target(Some(address), None).ok()? };
    timeout(LONGEST, climb(&target)).await.ok()
}

async fn resolve(question: &Question) -> Vec<IpAddr> {
    let name = format!("{}:{}", question.host(), question.port());
    let found = timeout(RESOLVER, tokio::net::lookup_host(name)).await;
    found.ok().and_then(Result::ok).into_iter().flatten().map(|address| address.ip()).collect()
}
