//! A stream that is a queue: several consumers of one group share its entries, and each entry is taken at least once. One that cannot be
//! taken, or whose consumers died too often, goes to another stream, the dead letters.

mod keys;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures::future::BoxFuture;
use rand::RngExt;
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
    time,
};

use crate::{
    link::{Connection, Link},
    problem::{Problem, Reason},
    source::{Source, Stamp},
};

const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often what others left is looked at, at least.
const LOOK: Duration = Duration::from_secs(10);

/// Where the queue is, and how entries are taken.
#[derive(Clone, Debug)]
pub struct QueueConfig {
    /// Where Redis is.
    pub source: Source,
    /// Name of the stream.
    pub stream: String,
    /// Name of the group, which is made where there is none.
    pub group: String,
    /// Who this is in the group.
    pub consumer: String,
    /// Name of the stream of what could not be taken.
    pub dead_letter: String,
    /// How often an entry is tried.
    pub tries: u64,
    /// An entry whose consumer has not settled it for so long is another's.
    pub claim_after: Duration,
}

/// An entry of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its place.
    pub id: String,
    /// Keys and values.
    pub fields: Vec<(String, Vec<u8>)>,
    /// How often it was handed out, this time included.
    pub tries: u64,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is taken.
    Taken,
    /// Not now: why.
    Later(String),
    /// It never will be: why.
    Never(String),
}

/// Told why entries have to wait.
pub type Held<'a> = &'a (dyn Fn(Problem) + Sync);

/// Takes entries.
pub trait Consume: fmt::Debug + Send + Sync + 'static {
    /// Says of each what became of it; and meanwhile, whenever they have to wait, why.
    fn consume<'a>(&'a self, items: &'a [Item], held: Held<'a>) -> BoxFuture<'a, Vec<Verdict>>;

    /// An entry was given up.
    fn gave_up(&self, item: &Item, why: &str);
}

/// How the queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueState {
    /// Why it cannot be read.
    pub problem: Option<Problem>,
    /// Since when it can, or cannot.
    pub since: SystemTime,
    /// Entries in it, those that are being taken included.
    pub length: u64,
    /// Entries that were handed out and not settled.
    pub pending: u64,
}

/// A queue that is read for as long as it is not stopped.
pub struct Queue {
    state: watch::Receiver<QueueState>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

impl Queue {
    /// Begins to read.
    #[must_use]
    pub fn start(config: QueueConfig, consume: Arc<dyn Consume>) -> Self {
        let problem = Some(Problem::new(Reason::Connecting, "not connected yet"));
        let state = QueueState { problem, since: SystemTime::now(), length: 0, pending: 0 };
        let (state, seen) = watch::channel(state);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(Reading { config, consume, state, stopped }.run());
        Self { state: seen, stop, task: Mutex::new(Some(task)) }
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<QueueState> {
        self.state.clone()
    }

    /// Takes no more entries, and returns when those at hand are settled.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.lock().await.take() {
            time::timeout(LONGEST_PAUSE, task).await.ok();
        }
    }
}

struct Reading {
    config: QueueConfig,
    consume: Arc<dyn Consume>,
    state: watch::Sender<QueueState>,
    stopped: watch::Receiver<bool>,
}

impl Reading {
    async fn run(self) {
        let mut pause = SHORTEST_PAUSE;
        while !self.is_stopped() {
            let start = Instant::now();
            let Err(problem) = self.read().await else { return };
            if start.elapsed() > LONGEST_PAUSE {
                pause = SHORTEST_PAUSE;
            }
            self.lose(problem);
            let part = rand::rng().random_range(0.5..1.0);
            time::timeout(pause.mul_f64(part), self.stopped.clone().wait_for(|is_stopped| *is_stopped)).await.ok();
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Until it is stopped.
    async fn read(&self) -> Result<(), Problem> {
        let mut stamp = self.config.source.stamp();
        let mut connection = Link::waiting(&self.config.source).await?;
        self.config.make_group(&mut connection).await?;
        self.found();
        let (mut claimed, mut looked) = (None, Instant::now());
        let pause = LOOK.min(self.config.claim_after / 2);
        while !self.is_stopped() {
            if claimed.is_none_or(|claimed: Instant| claimed.elapsed() >= pause) {
                claimed = Some(Instant::now());
                self.claim(&mut connection).await?;
            }
            let items = self.config.next(&mut connection).await?;
            self.settle(&mut connection, &items).await?;
            if looked.elapsed() >= pause {
                looked = Instant::now();
                self.renew(&mut connection, &mut stamp).await;
            }
        }
        self.config.leave(&mut connection).await
    }

    /// What others held for too long, and how much there is.
    async fn claim(&self, connection: &mut Connection) -> Result<(), Problem> {
        let mut start = "0-0".to_owned();
        loop {
            let (next, items) = self.config.claim(connection, &start).await?;
            self.settle(connection, &items).await?;
            if next == "0-0" || self.is_stopped() {
                break;
            }
            start = next;
        }
        let (length, pending) = self.config.measure(connection).await?;
        self.state.send_modify(|state| (state.length, state.pending) = (length, pending));
        self.config.forget_the_gone(connection).await
    }

    async fn settle(&self, connection: &mut Connection, items: &[Item]) -> Result<(), Problem> {
        // One that came too often took its consumers with it.
        let (spent, good): (Vec<_>, Vec<_>) = items.iter().cloned().partition(|item| item.tries > self.config.tries);
        let mut settled: Vec<&str> = Vec::new();
        for item in &spent {
            self.give_up(connection, item, "whoever tried to take it never said what became of it").await?;
            settled.push(&item.id);
        }
        if !good.is_empty() {
            let verdicts = self.consume.consume(&good, &|problem| self.lose(problem)).await;
            if self.state.borrow().problem.is_some() {
                self.found();
            }
            for (item, verdict) in good.iter().zip(verdicts) {
                match verdict {
                    Verdict::Taken => {}
                    Verdict::Later(_) if item.tries < self.config.tries => continue,
                    Verdict::Later(why) | Verdict::Never(why) => self.give_up(connection, item, &why).await?,
                }
                settled.push(&item.id);
            }
        }
        self.config.acknowledge(connection, &settled).await
    }

    async fn give_up(&self, connection: &mut Connection, item: &Item, why: &str) -> Result<(), Problem> {
        self.config.bury(connection, item, why).await?;
        self.consume.gave_up(item, why);
        Ok(())
    }

    /// Takes up new credentials as soon as they work.
    async fn renew(&self, connection: &mut Connection, stamp: &mut Stamp) {
        let now = self.config.source.stamp();
        if now == *stamp {
            return;
        }
        match Link::waiting(&self.config.source).await {
            Ok(next) => (*connection, *stamp) = (next, now),
            // The password may be in the file before Redis knows it.
            Err(problem) => tracing::warn!(%problem, "a new URL of Redis cannot be used for the queue"),
        }
    }

    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    fn found(&self) {
        tracing::info!(stream = self.config.stream, group = self.config.group, "reading the queue");
        self.state.send_modify(|state| (state.problem, state.since) = (None, SystemTime::now()));
    }

    fn lose(&self, problem: Problem) {
        self.state.send_modify(|state| {
            if state.problem.is_none() {
                tracing::warn!(%problem, stream = self.config.stream, "the queue cannot be read");
                state.since = SystemTime::now();
            }
            state.problem = Some(problem);
        });
    }
}
