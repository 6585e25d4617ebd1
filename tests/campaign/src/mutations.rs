//! Mutations of the spec (after Acto, SOSP'23): every place of the schema gets good and bad values, one at a time and in chains.
//! The operator must not crash, must not loop, must come to rest, must say the truth, and must come to the state that a
//! fresh service with the last spec has.

mod corpus;
mod oracle;
mod schema;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use kube::api::{Patch, PatchParams};
use rand::{
    RngExt, SeedableRng,
    rngs::StdRng,
    seq::{IndexedRandom, SliceRandom},
};
use serde_json::{Value, json};

use crate::{
    Ground, routes,
    state::{Children, Detail, lasting},
    summary::Tally,
    workers,
};
use oracle::Verdict;
use schema::{Donors, Mutation, SELF, Step};

const WORKERS: usize = 12;
const LINKS: usize = 10;
const STAYS: Duration = Duration::from_secs(15);

struct Field {
    ground: Ground,
    donors: Donors,
    bases: Vec<(String, Value)>,
    mutations: Vec<Mutation>,
    /// Specs of which the apiserver refused a child: the schema lets through what cannot work.
    let_through: Mutex<Vec<String>>,
}

/// One case: a good spec, and what becomes of it.
struct Case {
    base: usize,
    links: Vec<usize>,
    seed: u64,
}

enum Outcome {
    /// The apiserver did not take the spec.
    Refused,
    Taken,
}

/// Runs it.
///
/// # Errors
/// When it cannot be run at all.
pub async fn run(tally: &mut Tally) -> Result<()> {
    let ground = Ground::new("mutations").await?;
    let _served = routes::serve(&ground.client, &ground.namespace);
    let mut operator = ground.operator("operator").await?;
    let schema = schema::spec_schema()?;
    let bases = corpus::read()?;
    let mut donors = Donors::new();
    bases.iter().for_each(|(_, spec)| schema::donate(&schema, spec, &mut Vec::new(), &mut donors));
    let mutations = schema::all(&schema, &donors);
    let mut chance = StdRng::seed_from_u64(tally.seed);
    let cases = cases(tally, &bases, &mutations, &donors, &mut chance);
    let field = Field { ground, donors, bases, mutations, let_through: Mutex::default() };

    let mut refused = 0;
    let one = async |case: &Case, name: &str| field.one(case, name).await;
    workers::each(&field.ground, ("m", WORKERS), cases, one, |case, outcome| {
        refused += usize::from(matches!(outcome, Ok(Outcome::Refused)));
        tally.case(&field.name(case), outcome.map(drop));
    })
    .await;
    tally.ends_well(&field.ground, &mut operator);
    let mut let_through = field.let_through.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let_through.sort();
    let_through.dedup();
    tally.fact(format!("{refused} refused at apply"));
    tally.fact(format!("{} taken with a child that the apiserver refuses, and said so", let_through.len()));
    let_through.iter().for_each(|line| eprintln!("let through: {line}"));
    Ok(())
}

fn cases(
    tally: &mut Tally,
    bases: &[(String, Value)],
    mutations: &[Mutation],
    donors: &Donors,
    chance: &mut StdRng,
) -> Vec<Case> {
    let mut singles: Vec<usize> = (0..mutations.len()).collect();
    singles.shuffle(chance);
    singles.truncate(tally.choose(30, usize::MAX));
    let chains = tally.choose(2, 200);
    tally.fact(format!("{} single mutations, {chains} chains of {LINKS}", singles.len()));
    let any = |chance: &mut StdRng| chance.random_range(0..bases.len());
    // One that the mutation changes, where there is one.
    let that_changes = |link: usize, chance: &mut StdRng| {
        let changes = |base: &usize| mutations[link].of(&bases[*base].1, donors) != bases[*base].1;
        (0..4 * bases.len()).map(|_| any(chance)).find(changes).unwrap_or(0)
    };
    let mut cases: Vec<Case> = singles
        .into_iter()
        .map(|it| Case { base: that_changes(it, chance), links: vec![it], seed: chance.random() })
        .collect();
    // Kubernetes' own types have so many places that without this hardly anything else would change.
    let mut sections: BTreeMap<&[Step], Vec<usize>> = BTreeMap::new();
    for (number, mutation) in mutations.iter().enumerate() {
        sections.entry(&mutation.path[..mutation.path.len().min(2)]).or_default().push(number);
    }
    let sections: Vec<Vec<usize>> = sections.into_values().collect();
    for _ in 0..chains {
        // More than enough, as many are refused.
        let link = |chance: &mut StdRng| sections.choose(chance).and_then(|section| section.choose(chance)).copied();
        let links = (0..8 * LINKS).filter_map(|_| link(chance)).collect();
        cases.push(Case { base: any(chance), links, seed: chance.random() });
    }
    cases
}

impl Field {
    fn name(&self, case: &Case) -> String {
        let base = &self.bases[case.base].0;
        match case.links.as_slice() {
            [one] => format!("{base}: {}", self.mutations[*one].name()),
            _ => format!("{base}: chain {}", case.seed),
        }
    }

    /// A spec with the service's own name in it.
    fn own(spec: &Value, name: &str) -> Value {
        serde_json::from_str(&spec.to_string().replace(SELF, name)).expect("JSON stays JSON")
    }

    async fn one(&self, case: &Case, name: &str) -> Result<Outcome> {
        let base = Self::own(&self.bases[case.base].1, name);
        if let [only] = case.links.as_slice()
            && !self.is_taken(name, &self.link(&base, *only, name)).await?
        {
            return Ok(Outcome::Refused);
        }
        self.ground.apply(name, &base).await.context("the base is refused")?;
        self.ground.settled(name).await.context("the base")?;
        let mut before = Some(self.ground.children(name, Detail::Content).await?);
        let mut verdict = self.judged(name, None).await.context("the base")?;
        let mut chance = StdRng::seed_from_u64(case.seed);
        let (mut spec, mut good, mut taken, mut story) = (base.clone(), base, 0, Vec::new());
        for link in &case.links {
            let next = self.link(&spec, *link, name);
            if taken == LINKS || next == spec || !self.is_taken(name, &next).await? {
                continue;
            }
            taken += 1;
            story.push(self.mutations[*link].name());
            self.ground.apply(name, &next).await.context("it passed the dry run")?;
            spec = next;
            // Not always: the next change may find the one before under way.
            if case.links.len() == 1 || chance.random_bool(0.5) {
                verdict = self.judged(name, before.as_ref()).await.with_context(|| story.join(", then "))?;
                before = Some(self.ground.children(name, Detail::Content).await?);
                match &verdict {
                    Verdict::Done => good = spec.clone(),
                    Verdict::LetThrough(why) => {
                        let name = self.mutations[*link].name();
                        self.let_through.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{name}: {why}"));
                    }
                    Verdict::Invalid | Verdict::Paused => {}
                }
                if !matches!(verdict, Verdict::Done) {
                    // A chain goes on from what works.
                    spec = good.clone();
                }
            } else {
                verdict = Verdict::Invalid;
                // Whether this change took effect before the next one came is open.
                before = None;
            }
        }
        if !matches!(verdict, Verdict::Done) {
            self.ground.apply(name, &good).await.context("the last good spec is refused")?;
            spec = good;
            story.push("the last good one".to_owned());
        }
        self.equals_fresh(name, &spec).await.with_context(|| story.join(", then "))?;
        Ok(Outcome::Taken)
    }

    fn link(&self, spec: &Value, link: usize, name: &str) -> Value {
        Self::own(&self.mutations[link].of(spec, &self.donors), name)
    }

    /// What the oracle says. Pods and their number move by themselves: what is untrue in between counts only when it stays so.
    async fn judged(&self, name: &str, before: Option<&Children>) -> Result<Verdict> {
        let began = Instant::now();
        loop {
            let there = self.ground.settled(name).await?;
            match oracle::judge(&self.ground, name, &there, before).await {
                Err(_) if began.elapsed() < STAYS => tokio::time::sleep(Duration::from_millis(500)).await,
                verdict => return verdict,
            }
        }
    }

    /// The differential oracle.
    async fn equals_fresh(&self, name: &str, spec: &Value) -> Result<()> {
        let there = self.ground.settled(name).await?;
        let (children, said) = (self.ground.children(name, Detail::Content).await?, lasting(&there));
        self.ground.delete(name).await?;
        let stored = serde_json::to_value(&there.spec)?;
        // Server-side apply makes of a section that becomes empty one that is absent.
        let spec = if lacks_empty(spec, &stored) { &stored } else { spec };
        self.ground.apply(name, spec).await?;
        let fresh = self.ground.settled(name).await.context("the fresh one")?;
        let wanted: Children = self.ground.children(name, Detail::Content).await?;
        let difference = crate::state::difference(&wanted, &children);
        ensure!(difference.is_none(), "unlike a fresh one: {}", difference.unwrap_or_default());
        let difference = crate::state::first_difference(&lasting(&fresh), &said, "status");
        ensure!(difference.is_none(), "unlike a fresh one: {}", difference.unwrap_or_default());
        Ok(())
    }

    /// Whether the apiserver would take it.
    async fn is_taken(&self, name: &str, spec: &Value) -> Result<bool> {
        let service = json!({"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService",
            "metadata": {"name": name}, "spec": spec});
        let dry = PatchParams { dry_run: true, ..PatchParams::apply("user").force() };
        match self.ground.services().patch(name, &dry, &Patch::Apply(service)).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => Ok(false),
            // What the apiserver cannot even read as a typed object.
            Err(kube::Error::Api(status))
                if status.code == 500 && status.message.contains("failed to create typed") =>
            {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a section that was sent empty was not stored.
fn lacks_empty(sent: &Value, stored: &Value) -> bool {
    let Some(sections) = sent.as_object() else { return false };
    sections.iter().any(|(name, section)| match section.as_object() {
        Some(fields) if fields.is_empty() => stored[name].is_null(),
        _ => lacks_empty(section, &stored[name]),
    })
}
