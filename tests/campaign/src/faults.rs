//! API faults: requests fail by verb and kind for a while. Meanwhile the operator asks at most once a second for each object, and
//! afterwards it comes to where it would have come without.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use realtime_tests::Child;
use serde_json::Value;

use crate::{
    Ground,
    proxy::{Fault, On, Rule, Verb},
    routes, specs,
    state::{Children, Detail, difference, renamed},
    summary::Tally,
    workers,
};

const WORKERS: usize = 16;
/// Retries of one object: one a second, and what begins within the first.
const PER_SECOND: usize = 1;

/// What the operator is at while requests fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Occasion {
    Create,
    Update,
    Prune,
}

struct Case {
    fault: Fault,
    verb: Verb,
    /// The resource.
    plural: String,
    occasion: Occasion,
    by_gateway: bool,
    /// How long it fails.
    window: Duration,
}

/// So long that pauses which double each time would be minutes by then.
const OUTAGE: Duration = Duration::from_secs(130);

fn faults(hang: Duration) -> Vec<Fault> {
    let answer = |code, retry_after| Fault::Answer { code, retry_after };
    vec![
        answer(429, Some(1)),
        answer(429, None),
        answer(500, None),
        answer(503, None),
        answer(409, None),
        answer(504, None),
        Fault::Reset,
        Fault::ResetAfterCommit,
        Fault::Hang,
        Fault::Delay(hang),
    ]
}

const OF_GATEWAYS: [&str; 3] = ["GCPBackendPolicy", "HealthCheckPolicy", "HTTPRoute"];

fn cases(window: Duration) -> Vec<Case> {
    let mut cases = Vec::new();
    for fault in faults(window / 2) {
        let mut add = |verb, plural: &str, occasion, by_gateway| {
            let (fault, plural) = (fault.clone(), plural.to_owned());
            cases.push(Case { fault, verb, plural, occasion, by_gateway, window });
        };
        for child in Child::all() {
            let by_gateway = OF_GATEWAYS.contains(&child.kind);
            add(Verb::Apply, child.plural, Occasion::Create, by_gateway);
            add(Verb::Apply, child.plural, Occasion::Update, by_gateway);
            add(Verb::Delete, child.plural, Occasion::Prune, by_gateway);
        }
        for occasion in [Occasion::Create, Occasion::Update, Occasion::Prune] {
            add(Verb::Apply, "realtimeservices/status", occasion, false);
        }
        add(Verb::Create, "events", Occasion::Update, false);
    }
    cases
}

/// What fails for minutes.
fn outages() -> Vec<Case> {
    let faults = [Fault::Reset, Fault::Answer { code: 503, retry_after: None }];
    let of = |fault: &Fault, plural: &str| Case {
        fault: fault.clone(),
        verb: Verb::Apply,
        plural: plural.to_owned(),
        occasion: Occasion::Update,
        by_gateway: false,
        window: OUTAGE,
    };
    faults.iter().flat_map(|fault| ["deployments", "realtimeservices/status"].map(|plural| of(fault, plural))).collect()
}

impl Case {
    fn name(&self) -> String {
        let Self { fault, verb, plural, occasion, by_gateway: _, window } = self;
        format!("{fault:?} on {verb:?} {plural} at {occasion:?} for {} s", window.as_secs())
    }

    /// The specs before and after.
    fn specs(&self, name: &str) -> (Option<Value>, Value) {
        let first = if self.by_gateway { specs::by_gateway(name) } else { specs::rich(name) };
        match self.occasion {
            Occasion::Create => (None, first),
            Occasion::Update => {
                let mut other = specs::other(name);
                if self.by_gateway {
                    other["exposure"] =
                        serde_json::json!({"gkeGateway": {"parentRefs": [{"name": "mesh"}], "securityPolicy": "x"}});
                }
                (Some(first), other)
            }
            Occasion::Prune => (Some(first), specs::plain(name)),
        }
    }
}

/// Runs it.
///
/// # Errors
/// When it cannot be run at all.
pub async fn run(tally: &mut Tally) -> Result<()> {
    let ground = Ground::new("faults").await?;
    let _served = routes::serve(&ground.client, &ground.namespace);
    let mut operator = ground.operator("operator").await?;
    let window = Duration::from_secs(tally.choose(4, 10));
    let mut cases = cases(window);
    cases.shuffle(&mut StdRng::seed_from_u64(tally.seed));
    cases.truncate(tally.choose(16, usize::MAX));
    // First, so that all others run meanwhile.
    cases.splice(0..0, tally.choose(Vec::new(), outages()));
    let ends = Ends { ground: &ground, known: Mutex::default(), hits: AtomicUsize::new(0) };
    let mut slowest = Duration::ZERO;
    let one = async |case: &Case, name: &str| ends.one(case, name).await;
    workers::each(&ground, ("f", WORKERS), cases, one, |case, outcome| {
        slowest = slowest.max(*outcome.as_ref().unwrap_or(&Duration::ZERO));
        tally.case(&case.name(), outcome.map(drop));
    })
    .await;
    tally.fact(format!("{} requests failed", ends.hits.load(Ordering::SeqCst)));
    tally.fact(format!("healed at the latest after {} s", slowest.as_secs()));
    tally.ends_well(&ground, &mut operator);
    Ok(())
}

struct Ends<'a> {
    ground: &'a Ground,
    /// What a spec comes to without faults.
    known: Mutex<BTreeMap<(Occasion, bool), Children>>,
    hits: AtomicUsize,
}

impl Ends<'_> {
    async fn one(&self, case: &Case, name: &str) -> Result<Duration> {
        let ground = self.ground;
        let (before, after) = case.specs(name);
        if let Some(before) = before {
            ground.apply(name, &before).await?;
            ground.settled(name).await.context("before it begins")?;
        }
        let from = ground.proxy.record().len();
        let on = On {
            verbs: vec![case.verb],
            plural: Some(case.plural.clone()),
            service: Some(name.to_owned()),
            identity: None,
        };
        let hits = ground.proxy.fail(Rule { on, fault: case.fault.clone() });
        ground.apply(name, &after).await?;
        tokio::time::sleep(case.window).await;
        self.hits.fetch_add(hits.load(Ordering::SeqCst), Ordering::SeqCst);
        self.is_patient(case, name, from)?;
        ground.proxy.heal(name);
        let healed = std::time::Instant::now();
        ground.settled(name).await.context("after it healed")?;
        let wanted = self.undisturbed(case, name).await?;
        // The first quiet moment need not be the end: a retry may be due.
        loop {
            let found = renamed(&ground.children(name, Detail::Content).await?, name);
            let status = crate::state::said(&ground.settled(name).await?);
            let programmed = status["conditions"].as_array().into_iter().flatten().any(|it| {
                it["type"] == "Programmed" && (it["status"] == "True" || it["reason"] == "CertificatePending")
            });
            let difference = difference(&wanted, &found);
            if programmed && difference.is_none() {
                return Ok(healed.elapsed());
            }
            let late = healed.elapsed() > Duration::from_secs(60);
            ensure!(!late, "60 s after it healed: {} {status}", difference.unwrap_or_default());
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// At most one retry a second for each object.
    fn is_patient(&self, case: &Case, name: &str, from: usize) -> Result<()> {
        let of_case = |it: &crate::proxy::Entry| {
            it.asked.verb == case.verb && it.asked.plural == case.plural && crate::proxy::concerns(name, &it.asked.name)
        };
        // Each Event is an object of its own.
        if case.plural == "events" || matches!(case.fault, Fault::Delay(_)) {
            return Ok(());
        }
        let asked = self.ground.proxy.record().since(from, of_case);
        let (Some(first), Some(last)) = (asked.first(), asked.last()) else { return Ok(()) };
        let seconds = usize::try_from((last.at - first.at).as_secs() + 1)?;
        let retries = asked.len() - 1;
        let times: Vec<_> = asked.iter().map(|it| (it.at - first.at).as_millis()).collect();
        ensure!(retries <= seconds * PER_SECOND, "{retries} retries within {seconds} s, at {times:?} ms");
        Ok(())
    }

    async fn undisturbed(&self, case: &Case, name: &str) -> Result<Children> {
        let key = (case.occasion, case.by_gateway);
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        // Letters only: what is like the name of a service elsewhere in a child must not be renamed.
        let pristine = format!("pristine{name}");
        self.ground.apply(&pristine, &case.specs(&pristine).1).await?;
        self.ground.settled(&pristine).await?;
        let children = renamed(&self.ground.children(&pristine, Detail::Content).await?, &pristine);
        self.ground.delete(&pristine).await?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, children.clone());
        Ok(children)
    }
}
