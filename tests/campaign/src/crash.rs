//! Crash at every write (after Sieve, OSDI'22, and Anvil, OSDI'24): the operator is killed at the k-th write, before it is
//! sent, after it committed or after its reply, and started again. It has to come to the state that an undisturbed run
//! comes to, and to create and delete as much and no more on the way; and where connections decide on the number of pods, or
//! no longer, none goes on the way that stays in the end.

mod pods;
mod scenario;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use realtime_tests::Cluster;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{
    Ground,
    operator::Order,
    proxy::{Moment, Verb},
    routes,
    state::{Children, Detail, difference, first_difference, lasting},
    summary::Tally,
};
use scenario::{NEXT_IMAGE, SCENARIOS, Scenario};

const WORKERS: usize = 6;
const SERVICE: &str = "chat";
const WRITE: Duration = Duration::from_secs(60);
/// How long after its restart the end may take.
const COMES: Duration = Duration::from_secs(30);

/// What a run comes to.
struct End {
    children: Children,
    said: Value,
    /// Creates and deletes of children, by resource.
    lives: Vec<String>,
    writes: usize,
    /// Whether the write came at which it was to be killed.
    killed: bool,
}

/// Runs it.
///
/// # Errors
/// When it cannot be run at all.
pub async fn run(tally: &mut Tally) -> Result<()> {
    let cluster = Cluster::shared().await?;
    let workers = stream::iter(0..WORKERS).map(|number| {
        let cluster = cluster.clone();
        async move {
            let ground = Ground::on(cluster, &format!("crash-{number}")).await?;
            let served = routes::serve(&ground.client, &ground.namespace);
            anyhow::Ok(Arc::new((ground, served)))
        }
    });
    let workers: Vec<_> = workers.buffered(WORKERS).try_collect().await?;
    let pool = Mutex::new(workers);
    let take = async || pool.lock().await.pop().expect("as many cases run as there are workers");

    let mut chance = StdRng::seed_from_u64(tally.seed);
    let (mut scaled, mut scenarios): (Vec<_>, Vec<_>) = SCENARIOS.into_iter().partition(|it| it.pods.is_some());
    scaled.shuffle(&mut chance);
    scenarios.extend(scaled.into_iter().take(tally.choose(2, usize::MAX)));
    let undisturbed = stream::iter(scenarios).map(async |scenario| {
        let worker = take().await;
        let end = one(&worker.0, &scenario, None).await.with_context(|| format!("{} undisturbed", scenario.name));
        pool.lock().await.push(worker);
        end.map(|end| (scenario, end))
    });
    let undisturbed: Vec<_> = undisturbed.buffered(WORKERS).collect().await;
    let undisturbed: Vec<(Scenario, End)> = undisturbed.into_iter().collect::<Result<_>>()?;

    let mut cases: Vec<(usize, usize, Moment)> = Vec::new();
    for (number, (scenario, end)) in undisturbed.iter().enumerate() {
        tally.fact(format!("{} {} writes", scenario.name, end.writes));
        let all = (1..=end.writes).flat_map(|k| Moment::ALL.map(|moment| (number, k, moment)));
        let mut all: Vec<_> = all.collect();
        all.shuffle(&mut chance);
        cases.extend(all.into_iter().take(tally.choose(1, usize::MAX)));
    }
    let outcomes = stream::iter(cases).map(async |(number, k, moment)| {
        let (scenario, wanted) = &undisturbed[number];
        let worker = take().await;
        let outcome = disturbed(&worker.0, scenario, wanted, (k, moment)).await;
        if outcome.is_err() {
            // Whatever is left must not fail the next case too.
            let _ = worker.0.delete(SERVICE).await;
        }
        pool.lock().await.push(worker);
        (format!("{}, write {k} of {}, {moment:?}", scenario.name, wanted.writes), outcome)
    });
    let mut outcomes = std::pin::pin!(outcomes.buffer_unordered(WORKERS));
    let mut killed = 0;
    while let Some((name, outcome)) = outcomes.next().await {
        killed += usize::from(matches!(outcome, Ok(true)));
        tally.case(&name, outcome.map(drop));
    }
    tally.fact(format!("killed {killed} times"));
    for worker in pool.lock().await.iter() {
        let sins = worker.0.proxy.record().sins();
        ensure!(sins.is_empty(), "{sins:?}");
    }
    Ok(())
}

/// Whether the write came.
async fn disturbed(ground: &Ground, scenario: &Scenario, wanted: &End, at: (usize, Moment)) -> Result<bool> {
    let found = one(ground, scenario, Some((at, wanted))).await?;
    if let Some(difference) = unlike(wanted, &found.children, &found.said) {
        bail!("{difference}");
    }
    ensure!(wanted.lives == found.lives, "wanted {:?}, found {:?}", wanted.lives, found.lives);
    Ok(found.killed)
}

fn unlike(wanted: &End, children: &Children, said: &Value) -> Option<String> {
    let state = difference(&wanted.children, children).map(|difference| format!("another state: {difference}"));
    let status =
        || first_difference(&wanted.said, said, "status").map(|difference| format!("another status: {difference}"));
    state.or_else(status)
}

async fn one(ground: &Ground, scenario: &Scenario, at: Option<((usize, Moment), &End)>) -> Result<End> {
    let proxy = &ground.proxy;
    let order = ground.order("operator").await?;
    let mut operator = crate::Operator::start(&order).await?;
    if let Some(before) = (scenario.before)() {
        ground.apply(SERVICE, &before).await?;
        ground.settled(SERVICE).await.context("before it begins")?;
    }
    let upgrade = scenario.upgrades.then(|| NEXT_IMAGE.to_owned());
    if upgrade.is_some() {
        operator.kill().await?;
    }
    let watched = match scenario.pods {
        Some(pods) => Some((pods, pods.begin(ground).await?)),
        None => None,
    };
    let from = proxy.record().len();
    let trap = at.map(|((k, moment), _)| proxy.arm(k, moment));
    let order = Order { image: upgrade, ..order };
    if scenario.upgrades {
        operator = crate::Operator::start(&order).await?;
    }
    match (scenario.after)() {
        Some(after) => drop(ground.apply(SERVICE, &after).await?),
        None if scenario.upgrades => {}
        None => drop(ground.services().delete(SERVICE, &Default::default()).await?),
    }
    let mut killed = false;
    if let Some(trap) = trap {
        // How often a status is written depends on how fast the controllers are: the last of the writes may not come.
        let came = tokio::select! {
            came = trap.sprung(WRITE) => came,
            rested = ground.came_to_rest(SERVICE), if !scenario.upgrades => { rested?; false }
        };
        operator.kill().await?;
        proxy.disarm();
        if came {
            killed = true;
        }
        operator = crate::Operator::start(&order).await?;
    }
    let deleted = (scenario.after)().is_none() && !scenario.upgrades;
    let began = Instant::now();
    let (children, said) = loop {
        let found = end(ground, &order, deleted).await?;
        // Before it is at work again, the new process has nothing to say.
        let Some((_, wanted)) = at else {
            // What controllers do meanwhile is part of the end.
            ground.came_to_rest(SERVICE).await?;
            break end(ground, &order, deleted).await?;
        };
        let is_kept = match &watched {
            Some((pods, watched)) => pods.kept(watched, &found.1).await.is_ok(),
            None => true,
        };
        if (is_kept && unlike(wanted, &found.0, &found.1).is_none()) || began.elapsed() > COMES {
            break found;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let writes = proxy.record().writes(from, SERVICE);
    let is_child = |plural: &str| !matches!(plural, "events" | "realtimeservices/status");
    let lives = writes.iter().filter(|it| is_child(&it.asked.plural)).filter_map(|it| match (it.asked.verb, it.code) {
        (Verb::Apply, 201) => Some(format!("create {}", it.asked.plural)),
        (Verb::Delete, 200) => Some(format!("delete {}", it.asked.plural)),
        _ => None,
    });
    let mut lives: Vec<_> = lives.collect();
    lives.sort();
    if let Some((pods, watched)) = &watched {
        pods.kept(watched, &said).await?;
    }
    operator.is_well()?;
    operator.kill().await?;
    ground.delete(SERVICE).await?;
    Ok(End { children, said, lives, writes: writes.len(), killed })
}

/// What there is when the operator has come to rest.
async fn end(ground: &Ground, order: &Order, deleted: bool) -> Result<(Children, Value)> {
    let said = if deleted {
        ground.gone(SERVICE).await?;
        Value::Null
    } else {
        if let Some(image) = &order.image {
            runs(ground, image).await?;
        }
        let there = ground.settled(SERVICE).await?;
        let mut said = lasting(&there);
        let active = there.status.iter().flat_map(|status| &status.conditions).find(|it| it.type_ == "ScalingActive");
        said["scalingActive"] = json!(active.map(|it| (&it.status, &it.reason)));
        serde_json::from_str(&said.to_string().replace(&ground.namespace, "NAMESPACE"))?
    };
    Ok((ground.children(SERVICE, Detail::Ownership).await?, said))
}

/// Waits until the Deployment has this image.
async fn runs(ground: &Ground, image: &str) -> Result<()> {
    let end = Instant::now() + WRITE;
    loop {
        let raw = ground.raw(SERVICE).await?;
        let template = raw.get("Deployment").map(|deployment| &deployment["spec"]["template"]["spec"]);
        if template.is_some_and(|template| template["containers"][0]["image"] == image) {
            return Ok(());
        }
        ensure!(Instant::now() < end, "the next version does not take over");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
