//! What thousands of services cost the operator: requests, time, memory and CPU, on a real apiserver with real controllers. Beside
//! it stands the limit: a client with the same rights that does nothing but send the same objects to another apiserver like it.

mod edits;
mod gauge;
mod limit;
mod log;
pub mod report;
mod site;

use std::{
    ops::Range,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};

pub use edits::Edits;
use gauge::Gauge;
use log::{Asked, Mark};
use site::Site;

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many services.
    pub services: usize,
    /// How many of them share a namespace. Whoever makes a Role or a RoleBinding makes the apiserver read those of its namespace.
    pub share: usize,
    /// Changes of one service, of each sort.
    pub edits: usize,
    /// How long nothing changes.
    pub rest: Duration,
    /// How many services the bare client sends in a turn, at most; what it needs for more is reckoned from that.
    pub sample: usize,
    /// How many requests the bare client has under way at once; `None` tries out where it is fastest.
    pub at_once: Option<usize>,
    /// It is quiet when hardly anything was asked for so long.
    pub quiet: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Figures {
    /// What was measured.
    pub plan: Plan,
    /// From the operator's start until the last service has all its children and a status that says so.
    pub converge: Duration,
    /// The same children, sent by a client that does nothing else.
    pub limit: Duration,
    /// The same children with a status each, sent by that client.
    pub limit_with_status: Duration,
    /// At how many requests at once that client was fastest.
    pub best: usize,
    /// Requests of the operator until it was quiet, for each service; without those of an operator that starts and finds nothing.
    pub requests: f64,
    /// Those of them that write, for each service.
    pub writes: f64,
    /// CPU time of the operator until it was quiet, for each service.
    pub cpu: Duration,
    /// Resident memory of an operator that has nothing to look after, in bytes.
    pub idle: f64,
    /// Resident memory for each service beyond that, once it was quiet.
    pub memory: f64,
    /// The same of an operator that was started anew.
    pub memory_anew: f64,
    /// Writes while nothing changed.
    pub rest_writes: usize,
    /// Growth of its memory meanwhile, in bytes.
    pub rest_growth: f64,
    /// How long a change takes until a child has it.
    pub edits: Edits,
    /// From the start of a new operator until it has looked at every service.
    pub restart: Duration,
    /// What that one wrote.
    pub restart_writes: usize,
}

/// The `progressDeadlineSeconds` of a Deployment that says nothing else, and what its controller needs beyond.
const DEADLINE: Duration = Duration::from_secs(630);
/// How long an operator may take that is started anew.
const RESTART: Duration = Duration::from_secs(300);

/// Measures.
///
/// # Errors
/// When something does not come to its end.
pub async fn run(plan: &Plan) -> Result<Figures> {
    let Plan { services, edits, rest, sample, at_once, .. } = *plan;
    // Each side has the first and the last turn of one half: what changes with the time, changes for both.
    let (first, second) = (services.div_ceil(2), services / 2);
    let tried = limit::TRIED.min(services);
    let site = Site::new(plan, services, 2 * first + second + limit::CONCURRENCIES.len() * tried).await?;
    let mark = site.log.mark()?;
    let (idle, of_a_start) = {
        let operator = site.operator().await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let idle = Gauge::read(&operator).await?.resident;
        // Its watches are no requests before they end.
        let asked = site.log.since(mark)?.len();
        site.end(operator).await?;
        (idle, asked)
    };
    let best = match at_once {
        Some(at_once) => at_once,
        None => site.best_concurrency(tried).await?,
    };
    eprintln!("{services} services: idle at {:.1} MiB; the bare client is fastest with {best} at once", idle / MIB);

    let mut converged = Converged::default();
    let began = Instant::now();
    site.create(0..first).await?;
    let operator = site.converge(0..first, &mut converged).await?;
    site.end(operator).await?;
    let mut limit = site.limit_of(first, sample, best, limit::What::Children).await?;
    let with_status = site.limit_of(first, sample, best, limit::What::ChildrenAndStatus).await?;
    limit += site.limit_of(second, sample, best, limit::What::Children).await?;
    site.create(first..services).await?;
    let operator = site.converge(first..services, &mut converged).await?;
    let grown = Gauge::read(&operator).await?.resident;

    let edits = edits::measure(&site, edits, services.min(site.sent())).await?;
    let last_change = Instant::now();
    // Here no pod finds a node, and each Deployment says once that it waits for too long: for each template that it had.
    if began + DEADLINE < last_change + rest {
        tokio::time::sleep_until((last_change + DEADLINE).into()).await;
    }
    site.quiet().await?;
    let before = Gauge::read(&operator).await?;
    let mark = site.log.mark()?;
    tokio::time::sleep(rest).await;
    let rest_writes = written(&site, mark, "at rest")?;
    let rest_growth = Gauge::read(&operator).await?.resident - before.resident;
    site.end(operator).await?;

    let mark = site.log.mark()?;
    let started = Instant::now();
    let operator = site.operator().await?;
    let restart = Gauge::until(&operator, RESTART, |gauge| gauge.reconciles >= services as f64).await;
    restart.context("it does not look at every service")?;
    let restart = started.elapsed();
    site.quiet().await?;
    let restart_writes = written(&site, mark, "by a restart")?;
    let anew = Gauge::read(&operator).await?.resident;
    site.end(operator).await?;
    Ok(Figures {
        plan: *plan,
        converge: converged.time,
        limit,
        limit_with_status: with_status.mul_f64(services as f64 / first as f64),
        best,
        requests: converged.requests.saturating_sub(2 * of_a_start) as f64 / services as f64,
        writes: converged.writes as f64 / services as f64,
        cpu: converged.cpu.div_f64(services as f64),
        idle,
        memory: (grown - idle) / services as f64,
        memory_anew: (anew - idle) / services as f64,
        rest_writes,
        rest_growth,
        edits,
        restart,
        restart_writes,
    })
}

/// How much, and says what, as nothing should be.
fn written(site: &Site, mark: Mark, when: &str) -> Result<usize> {
    let writes: Vec<_> = site.log.since(mark)?.into_iter().filter(Asked::writes).collect();
    for (kind, count) in log::by_kind(&writes) {
        eprintln!("written {when}: {count} × {kind}");
    }
    Ok(writes.len())
}

const MIB: f64 = 1024.0 * 1024.0;

/// What several turns of the operator come to.
#[derive(Debug, Default)]
struct Converged {
    time: Duration,
    requests: usize,
    writes: usize,
    cpu: Duration,
}

impl Site {
    /// A new operator, until these services that it did not know are served, and it is quiet.
    async fn converge(&self, numbers: Range<usize>, sum: &mut Converged) -> Result<realtime_tests::Operator> {
        let services = numbers.len();
        let mark = self.log.mark()?;
        let started = SystemTime::now();
        let operator = self.operator().await?;
        let last = self.log.until_all_have_a_status(mark, services).await?;
        let took = last.duration_since(started).context("the log is older than the operator")?;
        self.quiet().await?;
        let mut asked = self.log.since(mark)?;
        // What is asked of the others, older ones, is not for these.
        asked.retain(|it| site::number(&it.name).is_none_or(|number| numbers.contains(&number)));
        let writes = asked.iter().filter(|it| it.writes()).count();
        sum.time += took;
        sum.requests += asked.len();
        sum.writes += writes;
        let Gauge { cpu, reconciles, .. } = Gauge::read(&operator).await?;
        sum.cpu += cpu;
        let each = |count: f64| count / services as f64;
        eprintln!(
            "{services} services in {:.1} s: {:.2} requests each, {:.2} of them writes; {:.2} reconciles",
            took.as_secs_f64(),
            each(asked.len() as f64),
            each(writes as f64),
            each(reconciles),
        );
        for (kind, count) in log::by_kind(&asked) {
            eprintln!("  {:.2} {kind}", each(count as f64));
        }
        Ok(operator)
    }
}
