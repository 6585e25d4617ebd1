//! Stale and missed events: those of a watch are dropped, doubled or late, watches end in the midst of a line or are told that
//! their place is gone, while services come, change, go and come again by the same name.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use kube::api::{DeleteParams, Patch, PatchParams};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use realtime_tests::Child;
use serde_json::{Value, json};

use crate::{
    Ground,
    proxy::{Cut, End, Fault, On, Rule, Stream},
    routes, specs,
    state::{Children, Detail, difference, renamed},
    summary::Tally,
    workers,
};

const WORKERS: usize = 12;
/// The faults of the others go on meanwhile, and each new list of everything may be cut off by one of them.
const HEALS: Duration = Duration::from_secs(90);

/// What happens while events suffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Script {
    Create,
    Update,
    Prune,
    /// Somebody edits a child.
    Edit,
    /// Somebody deletes a child.
    Lose,
    /// The service is deleted, and made anew by the same name with another spec.
    Anew,
    /// The same thing twice in a row.
    AnewTwice,
}

const SCRIPTS: [Script; 7] =
    [Script::Create, Script::Update, Script::Prune, Script::Edit, Script::Lose, Script::Anew, Script::AnewTwice];

struct Case {
    script: Script,
    stream: Stream,
    /// Of which resource; none means all.
    plural: Option<&'static str>,
    end: End,
}

impl Case {
    fn name(&self) -> String {
        let Self { script, stream, plural, end } = self;
        format!("{script:?}, events of {} {stream:?}, then {end:?}", plural.unwrap_or("everything"))
    }
}

fn cases() -> Vec<Case> {
    let plurals = Child::all().map(|child| Some(child.plural)).chain([Some("realtimeservices"), Some("pods"), None]);
    let streams =
        [Stream::Drop, Stream::Twice, Stream::Later(Duration::from_millis(700)), Stream::Later(Duration::from_secs(3))];
    let mut cases = Vec::new();
    for (number, plural) in plurals.enumerate() {
        for stream in &streams {
            for (script_number, script) in SCRIPTS.into_iter().enumerate() {
                // After dropped events only a new list can tell.
                let end = match stream {
                    Stream::Drop => End::Gone,
                    _ if (number + script_number) % 2 == 0 => End::Truncated,
                    _ => End::Gone,
                };
                cases.push(Case { script, stream: stream.clone(), plural, end });
            }
        }
    }
    cases
}

/// Runs it.
///
/// # Errors
/// When it cannot be run at all.
pub async fn run(tally: &mut Tally) -> Result<()> {
    let ground = Ground::new("stale").await?;
    let _served = routes::serve(&ground.client, &ground.namespace);
    let mut operator = ground.operator("operator").await?;
    let mut cases = cases();
    cases.shuffle(&mut StdRng::seed_from_u64(tally.seed));
    cases.truncate(tally.choose(12, usize::MAX));
    let ends = Ends { ground: &ground, known: Mutex::default() };
    let mut slowest = Duration::ZERO;
    let one = async |case: &Case, name: &str| ends.one(case, name).await;
    workers::each(&ground, ("s", WORKERS), cases, one, |case, outcome| {
        slowest = slowest.max(*outcome.as_ref().unwrap_or(&Duration::ZERO));
        tally.case(&case.name(), outcome.map(drop));
    })
    .await;
    tally.fact(format!("right at the latest {} s after the last fault", slowest.as_secs()));
    tally.ends_well(&ground, &mut operator);
    Ok(())
}

struct Ends<'a> {
    ground: &'a Ground,
    known: Mutex<BTreeMap<String, Children>>,
}

impl Ends<'_> {
    async fn one(&self, case: &Case, name: &str) -> Result<Duration> {
        let ground = self.ground;
        if case.script != Script::Create {
            ground.apply(name, &specs::rich(name)).await?;
            self.begins(name).await.context("before it begins")?;
        }
        let on = On { plural: case.plural.map(str::to_owned), service: Some(name.to_owned()), ..On::default() };
        ground.proxy.fail(Rule { on, fault: Fault::Events(case.stream.clone()) });
        let last = self.play(case, name).await?;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        ground.proxy.heal(name);
        let healed = Instant::now();
        ground.proxy.cut(Cut { plural: case.plural.map(str::to_owned), end: case.end });
        let wanted = self.undisturbed(&last, name).await?;
        loop {
            let found = renamed(&ground.children(name, Detail::Content).await?, name);
            let difference = difference(&wanted, &found);
            let yet = match difference {
                None => match ground.settled_within(name, Duration::from_secs(5)).await {
                    Ok(_) => return self.is_owned(name).await.map(|()| healed.elapsed()),
                    Err(yet) => format!("{yet:#}"),
                },
                Some(difference) => difference,
            };
            ensure!(healed.elapsed() < HEALS, "{HEALS:?} after the last fault: {yet}");
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// What an earlier service of the name left behind may still be on its way out, which a status can be right about.
    async fn begins(&self, name: &str) -> Result<()> {
        let since = Instant::now();
        loop {
            let there = self.ground.settled(name).await?;
            if self.ground.raw(name).await?.contains_key("Service") {
                return Ok(());
            }
            ensure!(since.elapsed() < HEALS, "there is no Service after {HEALS:?}: {:?}", there.status);
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Plays the script; gives the spec that counts in the end.
    async fn play(&self, case: &Case, name: &str) -> Result<Value> {
        let ground = self.ground;
        let spec = match case.script {
            Script::Create => specs::rich(name),
            Script::Update => specs::other(name),
            Script::Prune => specs::plain(name),
            Script::Edit | Script::Lose => {
                let some = ["Service", "Deployment", "ConfigMap", "Ingress"];
                let of_plural = Child::all().find(|child| Some(child.plural) == case.plural);
                let there = ground.raw(name).await?;
                let child = of_plural.filter(|child| there.contains_key(child.kind));
                let children = child.map_or_else(|| some.map(Child::of).to_vec(), |child| vec![child]);
                for child in children {
                    let api = child.api(&ground.client, &ground.namespace);
                    if case.script == Script::Lose {
                        api.delete(&child.name(name), &DeleteParams::background()).await?;
                    } else {
                        let edit = json!({"metadata": {"labels": {"app.kubernetes.io/name": "stolen"}}});
                        api.patch(&child.name(name), &PatchParams::default(), &Patch::Merge(edit)).await?;
                    }
                }
                return Ok(specs::rich(name));
            }
            Script::Anew | Script::AnewTwice => {
                let times = if case.script == Script::Anew { 1 } else { 2 };
                for _ in 0..times {
                    ground.services().delete(name, &DeleteParams::background()).await?;
                    // The children may still be there.
                    ground.apply(name, &specs::other(name)).await?;
                }
                return Ok(specs::other(name));
            }
        };
        ground.apply(name, &spec).await?;
        Ok(spec)
    }

    /// Every child is of the service that is there now.
    async fn is_owned(&self, name: &str) -> Result<()> {
        let uid = self.ground.services().get(name).await?.metadata.uid;
        for (kind, child) in self.ground.raw(name).await? {
            let owners = child["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
            let only = owners.len() == 1 && owners[0]["uid"].as_str() == uid.as_deref();
            ensure!(only, "{kind} is owned by {owners:?}, the service is {uid:?}");
        }
        Ok(())
    }

    async fn undisturbed(&self, spec: &Value, name: &str) -> Result<Children> {
        let key = spec.to_string().replace(name, "NAME");
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        let pristine = format!("pristine{name}");
        let spec = serde_json::from_str(&spec.to_string().replace(name, &pristine))?;
        self.ground.apply(&pristine, &spec).await?;
        self.ground.settled(&pristine).await?;
        let children = renamed(&self.ground.children(&pristine, Detail::Content).await?, &pristine);
        self.ground.delete(&pristine).await?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, children.clone());
        Ok(children)
    }
}
