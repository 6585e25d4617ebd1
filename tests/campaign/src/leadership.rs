//! Leadership: of two operators the one that leads is told to go, killed, frozen beyond the end of its lease and thawed, or cut off
//! from the apiserver. There are never two that write; how long it takes until the other one does is measured.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, stream};
use rustix::process::Signal;
use serde_json::json;

use crate::{
    Ground, Operator,
    operator::Order,
    proxy::{Fault, On, Rule},
    specs,
    state::LIMIT,
    summary::Tally,
};

/// What becomes of the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    ToldToGo,
    Killed,
    Frozen,
    CutOff,
}

const FATES: [Fate; 4] = [Fate::ToldToGo, Fate::Killed, Fate::Frozen, Fate::CutOff];
const SERVICES: usize = 6;
/// How long the first one may try something after it came back.
const AFTERWARDS: Duration = Duration::from_secs(6);

/// Runs it.
///
/// # Errors
/// When it cannot be run at all.
pub async fn run(tally: &mut Tally) -> Result<()> {
    let times = tally.choose(1, 10);
    let cases: Vec<_> = (0..times).flat_map(|round| FATES.map(|fate| (round, fate))).collect();
    let cases = stream::iter(cases).map(async |(round, fate)| {
        let name = format!("leads-{}-{round}", format!("{fate:?}").to_lowercase());
        (fate, round, one(&name, fate).await)
    });
    let mut outcomes = std::pin::pin!(cases.buffer_unordered(FATES.len()));
    let mut took: Vec<(Fate, Duration)> = Vec::new();
    while let Some((fate, round, outcome)) = outcomes.next().await {
        took.extend(outcome.as_ref().ok().map(|took| (fate, *took)));
        tally.case(&format!("{fate:?}, round {round}"), outcome.map(drop));
    }
    for fate in FATES {
        let mut of: Vec<_> = took.iter().filter(|(it, _)| *it == fate).map(|(_, took)| took.as_secs_f64()).collect();
        of.sort_by(f64::total_cmp);
        if let (Some(middle), Some(longest)) = (of.get(of.len() / 2), of.last()) {
            tally.fact(format!("{fate:?}: the next one writes after {middle:.1} s, at the latest {longest:.1} s"));
        }
    }
    Ok(())
}

/// How long it took until the second one wrote.
async fn one(namespace: &str, fate: Fate) -> Result<Duration> {
    let ground = Arc::new(Ground::new(namespace).await?);
    let mut first = electing(&ground, "first").await?;
    let end = Instant::now() + LIMIT;
    while !first.said("leading")? {
        ensure!(Instant::now() < end, "the first one does not lead");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let second = electing(&ground, "second").await?;
    // There is always something to do, so whoever believes that it leads shows it.
    let work = tokio::spawn(keep_busy(ground.clone()));
    until(&ground, "first", 0).await.context("the first one works")?;

    let (from, began) = (ground.proxy.record().len(), Instant::now());
    match fate {
        Fate::ToldToGo => first.signal(Signal::TERM)?,
        Fate::Killed => first.kill().await?,
        Fate::Frozen => first.signal(Signal::STOP)?,
        Fate::CutOff => {
            for plural in [None, Some("leases".to_owned())] {
                let on = On { plural, identity: Some("first".to_owned()), ..On::default() };
                let _ = ground.proxy.fail(Rule { on, fault: Fault::Hang });
            }
        }
    }
    let wrote = until(&ground, "second", from).await.context("the second one takes over")?;
    match fate {
        Fate::ToldToGo | Fate::Killed => {}
        Fate::Frozen => first.signal(Signal::CONT)?,
        Fate::CutOff => ground.proxy.heal(""),
    }
    tokio::time::sleep(AFTERWARDS).await;
    work.abort();
    let record = ground.proxy.record().since(from, |it| it.asked.counts());
    let position = record.iter().position(|it| &*it.identity == "second").context("the second one wrote")?;
    let late: Vec<_> = record[position..].iter().filter(|it| &*it.identity == "first").collect();
    let words: Vec<_> =
        late.iter().take(3).map(|it| format!("{:?} {} → {}", it.asked.verb, it.asked.plural, it.code)).collect();
    ensure!(late.is_empty(), "the first one wrote {} times after the second had: {words:?}", late.len());
    match fate {
        Fate::ToldToGo | Fate::Killed => {
            ensure!(first.ended(Duration::from_secs(20)).await?.is_some(), "the first one goes on");
        }
        // It is of use again as the next one in line.
        Fate::Frozen | Fate::CutOff => {
            ensure!(first.said("competing for the lease again")?, "the first one does not compete")
        }
    }
    drop(second);
    Ok(wrote - began)
}

async fn electing(ground: &Ground, identity: &str) -> Result<Operator> {
    let order = ground.order(identity).await?;
    Operator::start(&Order { elects: true, ..order }).await
}

async fn keep_busy(ground: Arc<Ground>) {
    let round = AtomicUsize::new(0);
    loop {
        let number = round.fetch_add(1, Ordering::SeqCst);
        let name = format!("busy{}", number % SERVICES);
        let mut spec = specs::plain(&name);
        spec["workload"] = json!({"replicas": 0, "podLabels": {"round": number.to_string()}});
        // Whoever is busy does not stop at an error.
        let _ = ground.apply(&name, &spec).await;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// Waits until this operator writes; gives when.
async fn until(ground: &Ground, identity: &str, from: usize) -> Result<Instant> {
    let end = Instant::now() + LIMIT;
    loop {
        let wrote = ground.proxy.record().since(from, |it| &*it.identity == identity && it.asked.counts());
        if let Some(first) = wrote.first() {
            return Ok(first.at);
        }
        ensure!(Instant::now() < end, "it does not write");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
