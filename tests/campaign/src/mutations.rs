//! Mutations of the spec (after Acto, SOSP'23): every place of the schema gets good and bad values, one at a time and in chains.
//! The operator must not crash, must not loop, must come to rest, must say the truth, and must come to the state that a
//! fresh service with the last spec has; and from there back to what was before.

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
use realtime_crds::RealtimeService;
use serde_json::{Value, json};

use crate::{
    Ground, routes,
    state::{Children, Detail, difference, first_difference, lasting},
    summary::Tally,
    workers,
};
use oracle::Verdict;
use schema::{Donors, Mutation, SELF, Step};

const WORKERS: usize = 12;
const LINKS: usize = 10;
/// So many single mutations begin from the same service.
const IN_TURN: usize = 16;
const STAYS: Duration = Duration::from_secs(15);

struct Field {
    ground: Ground,
    donors: Donors,
    bases: Vec<(String, Value)>,
    mutations: Vec<Mutation>,
    /// Specs of which the apiserver refused a child: the schema lets through what cannot work.
    let_through: Mutex<Vec<String>>,
}

/// What is done with one service, one after the other.
enum Case {
    /// Single mutations of a good spec; each is undone before the next one.
    Singles { base: usize, links: Vec<usize> },
    /// A good spec, and what becomes of it.
    Chain { base: usize, links: Vec<usize>, seed: u64 },
}

enum Outcome {
    /// The apiserver did not take the spec.
    Refused,
    Taken,
}

/// The outcome of each mutation, or of a chain, with its name.
type Outcomes = Vec<(String, Result<Outcome>)>;

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
    let one = async |case: &Case, name: &str| Ok(field.outcomes(case, name).await);
    workers::each(&field.ground, ("m", WORKERS), cases, one, |case, outcomes| {
        for (name, outcome) in outcomes.unwrap_or_else(|error| vec![(field.name(case), Err(error))]) {
            refused += usize::from(matches!(outcome, Ok(Outcome::Refused)));
            tally.case(&name, outcome.map(drop));
        }
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
    let mut by_base: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for single in singles {
        by_base.entry(that_changes(single, chance)).or_default().push(single);
    }
    let of_base = |(base, links): (usize, Vec<usize>)| {
        let parts: Vec<_> = links.chunks(IN_TURN).map(<[usize]>::to_vec).collect();
        parts.into_iter().map(move |links| Case::Singles { base, links })
    };
    let mut cases: Vec<Case> = by_base.into_iter().flat_map(of_base).collect();
    cases.shuffle(chance);
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
        cases.push(Case::Chain { base: any(chance), links, seed: chance.random() });
    }
    cases
}

impl Field {
    fn name(&self, case: &Case) -> String {
        match case {
            Case::Singles { base, links } => format!("{}: {} single mutations", self.bases[*base].0, links.len()),
            Case::Chain { base, seed, .. } => format!("{}: chain {seed}", self.bases[*base].0),
        }
    }

    async fn outcomes(&self, case: &Case, name: &str) -> Outcomes {
        match case {
            Case::Singles { base, links } => self.singles(*base, links, name).await,
            Case::Chain { base, links, seed } => {
                vec![(self.name(case), self.chain(*base, links, *seed, name).await)]
            }
        }
    }

    /// A spec with the service's own name in it.
    fn own(spec: &Value, name: &str) -> Value {
        serde_json::from_str(&spec.to_string().replace(SELF, name)).expect("JSON stays JSON")
    }

    async fn singles(&self, base: usize, links: &[usize], name: &str) -> Outcomes {
        let (of_base, base) = (&self.bases[base].0, Self::own(&self.bases[base].1, name));
        let mut outcomes = Vec::new();
        let mut stands = None;
        for link in links {
            let mut outcome = self.single(&base, *link, &mut stands, name).await;
            if outcome.is_err() {
                // Whatever is left must not fail the next one too.
                let cleared = self.ground.delete(name).await;
                outcome = outcome.and_then(|outcome| cleared.map(|()| outcome));
            }
            outcomes.push((format!("{of_base}: {}", self.mutations[*link].name()), outcome));
        }
        outcomes
    }

    /// One mutation of the base, and back; `stands` is what the base comes to, while the service is at it.
    async fn single(&self, base: &Value, link: usize, stands: &mut Option<Children>, name: &str) -> Result<Outcome> {
        let next = self.link(base, link, name);
        if !self.is_taken(name, &next).await? {
            return Ok(Outcome::Refused);
        }
        let before = match stands.take() {
            Some(before) => before,
            None => self.begin(base, name).await?,
        };
        self.ground.apply(name, &next).await.context("it passed the dry run")?;
        let verdict = self.judged(name, Some(&before)).await?;
        self.take_down(link, &verdict);
        if matches!(verdict, Verdict::Done) {
            self.equals_fresh(name, &next).await?;
        }
        let stored = self.ground.apply(name, base).await.context("the base is refused")?;
        let is_the_base = !lacks_empty(base, &serde_json::to_value(&stored.spec)?);
        // One that is paused stays as it is.
        if !is_the_base || stored.spec.paused {
            self.ground.delete(name).await?;
            return Ok(Outcome::Taken);
        }
        self.carried_out(name).await.context("undone")?;
        let difference = difference(&before, &self.ground.children(name, Detail::Content).await?);
        ensure!(difference.is_none(), "undone, and unlike before: {}", difference.unwrap_or_default());
        *stands = Some(before);
        Ok(Outcome::Taken)
    }

    /// A service with this spec; gives what it comes to.
    async fn begin(&self, base: &Value, name: &str) -> Result<Children> {
        self.ground.apply(name, base).await.context("the base is refused")?;
        self.judged(name, None).await.context("the base")?;
        self.ground.children(name, Detail::Content).await
    }

    async fn chain(&self, base: usize, links: &[usize], seed: u64, name: &str) -> Result<Outcome> {
        let mut base = Self::own(&self.bases[base].1, name);
        if let Some(fields) = base.as_object_mut() {
            // It falls back on what was carried out.
            fields.remove("paused");
        }
        let mut before = Some(self.begin(&base, name).await?);
        let mut verdict = Verdict::Done;
        let mut chance = StdRng::seed_from_u64(seed);
        let (mut spec, mut good, mut taken, mut story) = (base.clone(), base, 0, Vec::new());
        for link in links {
            let next = self.link(&spec, *link, name);
            if taken == LINKS || next == spec || !self.is_taken(name, &next).await? {
                continue;
            }
            taken += 1;
            story.push(self.mutations[*link].name());
            let stored = self.ground.apply(name, &next).await.context("it passed the dry run")?.spec;
            spec = next;
            // Not always: the next change may find the one before under way.
            if chance.random_bool(0.5) {
                verdict = self.judged(name, before.as_ref()).await.with_context(|| story.join(", then "))?;
                before = Some(self.ground.children(name, Detail::Content).await?);
                self.take_down(*link, &verdict);
                match &verdict {
                    // As it is stored: a null in what was sent is taken only where there was something before.
                    Verdict::Done => good = serde_json::to_value(&stored)?,
                    // A chain goes on from what works.
                    Verdict::LetThrough(_) | Verdict::Invalid | Verdict::Paused => spec = good.clone(),
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

    fn take_down(&self, link: usize, verdict: &Verdict) {
        if let Verdict::LetThrough(why) = verdict {
            let name = self.mutations[link].name();
            self.let_through.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{name}: {why}"));
        }
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

    /// A service that was carried out, with nothing left of an older way in; or as it is when that takes too long.
    async fn carried_out(&self, name: &str) -> Result<RealtimeService> {
        let began = Instant::now();
        loop {
            let verdict = self.judged(name, None).await?;
            let there = self.ground.settled(name).await?;
            let is_kept = lasting(&there).to_string().contains("Still there until");
            if (matches!(verdict, Verdict::Done) && !is_kept) || began.elapsed() >= STAYS {
                return Ok(there);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// The differential oracle.
    async fn equals_fresh(&self, name: &str, spec: &Value) -> Result<()> {
        let there = self.carried_out(name).await?;
        let (children, said) = (self.ground.children(name, Detail::Content).await?, lasting(&there));
        self.ground.delete(name).await?;
        let stored = serde_json::to_value(&there.spec)?;
        // Server-side apply makes of a section that becomes empty one that is absent.
        let spec = if lacks_empty(spec, &stored) { &stored } else { spec };
        self.ground.apply(name, spec).await?;
        let fresh = self.carried_out(name).await.context("the fresh one")?;
        let wanted: Children = self.ground.children(name, Detail::Content).await?;
        let difference = difference(&wanted, &children);
        ensure!(difference.is_none(), "unlike a fresh one: {}", difference.unwrap_or_default());
        let difference = first_difference(&lasting(&fresh), &said, "status");
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
