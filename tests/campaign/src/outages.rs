//! Outages: the apiserver, its store and the controllers are killed while services change. The operator outlives it, asks at most
//! once a second for each object meanwhile, and comes to the end when they are back.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use realtime_tests::Cluster;
use serde_json::{Value, json};

use crate::{Ground, Operator, proxy::Entry, routes, specs, state::LIMIT, summary::Tally};

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Apiserver,
    Etcd,
    ControllerManager,
}

const PARTS: [Part; 3] = [Part::Apiserver, Part::Etcd, Part::ControllerManager];
const SERVICES: [&str; 4] = ["ada", "bea", "cyd", "dot"];
const AWAY: Duration = Duration::from_secs(4);

/// Runs it.
///
/// # Errors
/// When it cannot be run at all.
pub async fn run(tally: &mut Tally) -> Result<()> {
    // One of its own: others would suffer.
    let ground = Ground::on(Cluster::start(true).await?, "outages").await?;
    let _served = routes::serve(&ground.client, &ground.namespace);
    let mut operator = ground.operator("operator").await?;
    let mut slowest = Duration::ZERO;
    let mut round = 0;
    for _ in 0..tally.choose(1, 20) {
        for part in PARTS {
            round += 1;
            let outcome = one(&ground, &mut operator, part, round).await;
            slowest = slowest.max(*outcome.as_ref().unwrap_or(&Duration::ZERO));
            tally.case(&format!("{part:?} killed, round {round}"), outcome.map(drop));
        }
    }
    tally.fact(format!("right at the latest {:.1} s after all was back", slowest.as_secs_f64()));
    tally.ends_well(&ground, &mut operator);
    Ok(())
}

fn spec(name: &str, round: usize) -> Value {
    let mut spec = specs::rich(name);
    spec["exposure"] = json!({"ingress": {"className": "nginx", "annotations": {"round": round.to_string()}}});
    spec["workload"]["podLabels"] = json!({"round": round.to_string()});
    // Comes and goes, so that there is something to create and to delete.
    if round.is_multiple_of(2) {
        spec["workload"] = json!({"replicas": 2, "podLabels": {"round": round.to_string()}});
    }
    spec
}

async fn one(ground: &Ground, operator: &mut Operator, part: Part, round: usize) -> Result<Duration> {
    for name in SERVICES {
        apply(ground, name, round).await?;
    }
    let from = ground.proxy.record().len();
    let cluster = &ground.cluster;
    match part {
        Part::Apiserver => {
            cluster.stop_apiserver().await?;
            tokio::time::sleep(AWAY).await;
            cluster.start_apiserver().await?;
        }
        Part::Etcd => cluster.restart_etcd(AWAY).await?,
        Part::ControllerManager => cluster.restart_controller_manager(AWAY).await?,
    }
    let back = Instant::now();
    let meanwhile = ground.proxy.record().since(from, |it| it.asked.counts() && it.asked.plural != "events");
    if part != Part::ControllerManager {
        patient(&meanwhile)?;
    }
    for name in SERVICES {
        let end = Instant::now() + LIMIT;
        while let Err(yet) = is_right(ground, name, round).await {
            ensure!(Instant::now() < end, "{name} is not right: {yet:#}; last asked {:?}", ground.last_words(name));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    operator.is_well()?;
    Ok(back.elapsed())
}

/// The client may hold a connection that has ended.
async fn apply(ground: &Ground, name: &str, round: usize) -> Result<()> {
    let end = Instant::now() + LIMIT;
    loop {
        match ground.apply(name, &spec(name, round)).await {
            Ok(_) => return Ok(()),
            Err(error) => ensure!(Instant::now() < end, "cannot be applied: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn patient(entries: &[Entry]) -> Result<()> {
    let mut of: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !matches!(entry.code, 200 | 201)) {
        let object = format!("{:?} {}/{}", entry.asked.verb, entry.asked.plural, entry.asked.name);
        of.entry(object).or_default().push(entry.at);
    }
    for (object, times) in of {
        let (Some(first), Some(last)) = (times.first(), times.last()) else { continue };
        let seconds = usize::try_from((*last - *first).as_secs() + 1)?;
        ensure!(times.len() - 1 <= seconds, "{object}: {} retries within {seconds} s", times.len() - 1);
    }
    Ok(())
}

async fn is_right(ground: &Ground, name: &str, round: usize) -> Result<()> {
    let there = ground.settled_within(name, Duration::ZERO).await?;
    let conditions = there.status.map(|status| status.conditions).unwrap_or_default();
    let programmed = conditions.iter().find(|it| it.type_ == "Programmed").context("no condition")?;
    ensure!(programmed.status == "True", "{} {}", programmed.reason, programmed.message);
    let raw = ground.raw(name).await?;
    let autoscaler = raw.contains_key("HorizontalPodAutoscaler");
    ensure!(autoscaler != round.is_multiple_of(2), "an autoscaler is {autoscaler}");
    let label = &raw.get("Deployment").context("no Deployment")?["spec"]["template"]["metadata"]["labels"]["round"];
    ensure!(*label == json!(round.to_string()), "the Deployment is of round {label}");
    let annotation = &raw.get("Ingress").context("no Ingress")?["metadata"]["annotations"]["round"];
    ensure!(*annotation == json!(round.to_string()), "the Ingress is of round {annotation}");
    Ok(())
}
