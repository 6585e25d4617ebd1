//! API faults: requests fail by verb and kind for a while. Meanwhile the operator asks at most once a second for each object, and
//! afterwards it comes to where it would have come without.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, stream};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use realtime_tests::Child;
use serde_json::Value;

use crate::{
    Ground,
    proxy::{Fault, On, Rule, Verb},
    routes, specs,
    state::{Children, Detail, difference},
    summary::Tally,
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
}

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
            cases.push(Case { fault: fault.clone(), verb, plural: plural.to_owned(), occasion, by_gateway });
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
        add(Verb::Create, "events", Occasion::Create, false);
    }
    cases
}

impl Case {
    fn name(&self) -> String {
        let Self { fault, verb, plural, occasion, .. } = self;
        format!("{fault:?} on {verb:?} {plural} at {occasion:?}")
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
    cases.truncate(tally.choose(24, usize::MAX));
    let ends = Ends { ground: &ground, known: Mutex::default(), window };
    let names: Vec<String> = (0..WORKERS).map(|number| format!("f{number:02}")).collect();
    let free = Arc::new(Mutex::new(names));
    let outcomes = stream::iter(cases).map(|case| {
        let (ends, free) = (&ends, free.clone());
        async move {
            let name = free.lock().unwrap_or_else(PoisonError::into_inner).pop().expect("as many as there are workers");
            let outcome = ends.one(&case, &name).await;
            ends.ground.proxy.heal(&name);
            let cleared = ends.ground.delete(&name).await;
            free.lock().unwrap_or_else(PoisonError::into_inner).push(name);
            (case.name(), outcome.and_then(|hit| cleared.map(|()| hit)))
        }
    });
    let mut outcomes = std::pin::pin!(outcomes.buffer_unordered(WORKERS));
    let (mut hits, mut slowest) = (0, Duration::ZERO);
    while let Some((name, outcome)) = outcomes.next().await {
        if let Ok((hit, took)) = &outcome {
            hits += hit;
            slowest = slowest.max(*took);
        }
        tally.case(&name, outcome.map(drop));
    }
    tally.fact(format!("{hits} requests failed"));
    tally.fact(format!("healed at the latest after {} s", slowest.as_secs()));
    tally.case("the operator is well", operator.is_well());
    let sins = ground.proxy.record().sins();
    tally.case("no write is careless", if sins.is_empty() { Ok(()) } else { Err(anyhow::anyhow!("{sins:?}")) });
    Ok(())
}

struct Ends<'a> {
    ground: &'a Ground,
    /// What a spec comes to without faults.
    known: Mutex<BTreeMap<(Occasion, bool), Children>>,
    window: Duration,
}

impl Ends<'_> {
    async fn one(&self, case: &Case, name: &str) -> Result<(usize, Duration)> {
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
        tokio::time::sleep(self.window).await;
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
                return Ok((hits.load(Ordering::SeqCst), healed.elapsed()));
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

fn renamed(children: &Children, name: &str) -> Children {
    let renamed =
        |child: &Value| serde_json::from_str(&child.to_string().replace(name, "NAME")).expect("JSON stays JSON");
    children.iter().map(|(kind, child)| (*kind, renamed(child))).collect()
}
