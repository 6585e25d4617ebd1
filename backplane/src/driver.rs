//! Keeps the connections: opens them, says when they are gone, and opens them again.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures::{FutureExt, StreamExt};
use rand::RngExt;
use redis::aio::PubSub;
use tokio::{
    sync::{Notify, mpsc, watch},
    time,
};

use crate::{
    codec::fields::Fields,
    id::Id,
    link::{Connection, Link},
    problem::{Problem, Reason},
    reader,
    source::{Source, Stamp},
    writer::{self, Command, Done},
};

const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the file of the URL is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Commands that may wait for Redis.
const QUEUE: usize = 16_384;

/// What is where in Redis.
#[derive(Clone, Debug)]
pub struct Config {
    /// The URL.
    pub source: Source,
    /// Name of the stream.
    pub stream: String,
    /// Beginning of the names of channels.
    pub channels: String,
    /// Beginning of the keys of sessions.
    pub sessions: String,
    /// Entries that are kept, roughly.
    pub max_length: u64,
    /// Who this is.
    pub uid: String,
}

/// Takes what comes from Redis.
pub trait Receive: fmt::Debug + Send + Sync + 'static {
    /// The stream is here for the first time, and its end is at this place.
    fn begin(&self, end: Id);

    /// An entry of the stream, in the order of the places, none twice.
    fn entry(&self, id: Id, fields: &Fields);

    /// Something between this place and the next entry may be lost.
    fn hole(&self, after: Id);

    /// A message in a channel.
    fn message(&self, channel: &str, payload: &[u8]);

    /// The connections are there, for the first time or again.
    fn connected(&self);
}

/// Whether Redis is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Why not.
    pub problem: Option<Problem>,
    /// Since when.
    pub since: SystemTime,
    /// Why a newer URL is not in use.
    pub rotation: Option<Problem>,
}

/// Redis, as far as several servers share it.
#[derive(Clone)]
pub struct Backplane {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) receive: Arc<dyn Receive>,
    pub(crate) queue: mpsc::Sender<Command>,
    pub(crate) connection: Mutex<Option<Connection>>,
    state: watch::Sender<State>,
    /// Somebody found the connection broken.
    broken: Notify,
    pub(crate) problem: Mutex<Option<Problem>>,
    /// What was read last.
    pub(crate) position: Mutex<Option<Id>>,
    /// How old the last entry is that was read while there were more, in milliseconds.
    pub(crate) lag: AtomicU64,
    pub(crate) subscriptions: Vec<String>,
    number: AtomicU64,
}

impl fmt::Debug for Backplane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backplane").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl Backplane {
    /// Begins to connect, and goes on for as long as the process runs. Messages of the channels that are named come too.
    #[must_use]
    pub fn start(config: Config, subscriptions: Vec<String>, receive: Arc<dyn Receive>) -> Self {
        let (queue, commands) = mpsc::channel(QUEUE);
        let connecting = Problem::new(Reason::Connecting, "not connected yet");
        let state = State { problem: Some(connecting.clone()), since: SystemTime::now(), rotation: None };
        let shared = Arc::new(Shared {
            config,
            receive,
            queue,
            connection: Mutex::default(),
            state: watch::channel(state).0,
            broken: Notify::new(),
            problem: Mutex::new(Some(connecting)),
            position: Mutex::default(),
            lag: AtomicU64::new(0),
            subscriptions,
            number: AtomicU64::new(1),
        });
        tokio::spawn(writer::write(Arc::clone(&shared), commands));
        tokio::spawn(run(Arc::clone(&shared)));
        Self { shared }
    }

    /// Whether Redis is there.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<State> {
        self.shared.state.subscribe()
    }

    /// How far behind the reader is.
    #[must_use]
    pub fn lag(&self) -> Duration {
        Duration::from_millis(self.shared.lag.load(Ordering::Relaxed))
    }

    /// What was read last.
    #[must_use]
    pub fn position(&self) -> Option<Id> {
        *self.shared.position.lock().expect("nothing panics under this lock")
    }

    /// Number of an entry of this server's, to be known again by.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.shared.number.fetch_add(1, Ordering::Relaxed)
    }

    /// Appends an entry. Those of calls that come one after the other keep their order, and so do the calls of `done`.
    pub fn append(&self, fields: Fields, done: Done) {
        self.push(Command::Append { fields, done });
    }

    /// Sends to a channel; to nobody where nobody listens.
    pub fn publish(&self, channel: String, payload: Vec<u8>) {
        self.push(Command::Publish { channel, payload });
    }

    pub(crate) fn push(&self, command: Command) {
        if let Err(error) = self.shared.queue.try_send(command) {
            let problem = Problem::new(Reason::Busy, "more is published than Redis takes");
            error.into_inner().fail(&problem);
        }
    }
}

impl Shared {
    /// A connection, if there is one.
    pub(crate) fn connection(&self) -> Result<Connection, Problem> {
        let connection = self.connection.lock().expect("nothing panics under this lock").clone();
        connection.ok_or_else(|| {
            let problem = self.problem.lock().expect("nothing panics under this lock").clone();
            problem.unwrap_or_else(|| Problem::new(Reason::Connecting, "not connected yet"))
        })
    }

    /// Something failed.
    pub(crate) fn failed(&self, problem: &Problem) {
        if problem.is_of_connection() {
            self.lose(problem.clone());
            self.broken.notify_one();
        }
    }

    fn lose(&self, problem: Problem) {
        *self.problem.lock().expect("nothing panics under this lock") = Some(problem.clone());
        *self.connection.lock().expect("nothing panics under this lock") = None;
        self.state.send_if_modified(|state| {
            let is_new = state.problem.is_none();
            let is_other = state.problem.as_ref() != Some(&problem);
            if is_new {
                tracing::warn!(%problem, "Redis is away");
                state.since = SystemTime::now();
            }
            state.problem = Some(problem);
            is_other
        });
    }

    fn found(&self, connection: Connection) {
        *self.connection.lock().expect("nothing panics under this lock") = Some(connection);
        *self.problem.lock().expect("nothing panics under this lock") = None;
        tracing::info!("connected to Redis");
        self.state.send_replace(State { problem: None, since: SystemTime::now(), rotation: None });
    }

    fn rotation(&self, problem: Problem) {
        self.state.send_if_modified(|state| {
            let is_new = state.rotation.as_ref() != Some(&problem);
            if is_new {
                tracing::warn!(%problem, "a new URL of Redis cannot be used; the old one stays in use");
                state.rotation = Some(problem);
            }
            is_new
        });
    }
}

/// Why a link is given up.
enum End {
    Problem(Problem),
    /// There is another one, with other credentials.
    Replaced(Box<Link>, Stamp),
}

async fn run(shared: Arc<Shared>) {
    let mut pause = SHORTEST_PAUSE;
    let mut next = None;
    loop {
        let opened = match next.take() {
            Some(opened) => Ok(opened),
            None => {
                let stamp = shared.config.source.stamp();
                Link::open(&shared.config.source).await.map(|link| (Box::new(link), stamp))
            }
        };
        let problem = match opened {
            Ok((link, stamp)) => match serve(&shared, *link, stamp).await {
                Ok(End::Replaced(link, stamp)) => {
                    next = Some((link, stamp));
                    continue;
                }
                Ok(End::Problem(problem)) => {
                    pause = SHORTEST_PAUSE;
                    problem
                }
                Err(problem) => problem,
            },
            Err(problem) => problem,
        };
        shared.lose(problem);
        let part = rand::rng().random_range(0.5..1.0);
        time::sleep(pause.mul_f64(part)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Until the link breaks. An error is one before it was of any use.
async fn serve(shared: &Arc<Shared>, link: Link, stamp: Stamp) -> Result<End, Problem> {
    let Link { mut commands, reads, mut channels } = link;
    for name in &shared.subscriptions {
        channels.subscribe(name).await?;
    }
    reader::find_place(shared, &mut commands).await?;
    // What was said of an earlier link.
    shared.broken.notified().now_or_never();
    shared.found(commands);
    shared.receive.connected();
    tokio::select! {
        problem = reader::read(shared, reads) => Ok(End::Problem(problem)),
        problem = listen(shared, channels) => Ok(End::Problem(problem)),
        () = shared.broken.notified() => {
            let problem = shared.problem.lock().expect("nothing panics under this lock").clone();
            Ok(End::Problem(problem.unwrap_or_else(|| Problem::new(Reason::Unreachable, "the connection broke"))))
        }
        (link, stamp) = replaced(shared, stamp) => Ok(End::Replaced(link, stamp)),
    }
}

async fn listen(shared: &Arc<Shared>, channels: PubSub) -> Problem {
    let mut messages = channels.into_on_message();
    while let Some(message) = messages.next().await {
        shared.receive.message(message.get_channel_name(), message.get_payload_bytes());
    }
    Problem::new(Reason::Unreachable, "the connection of the channels broke")
}

/// A link with the credentials that are in the file now. The old one serves until this one is there.
async fn replaced(shared: &Arc<Shared>, stamp: Stamp) -> (Box<Link>, Stamp) {
    let mut pause = LOOK;
    loop {
        time::sleep(pause).await;
        let now = shared.config.source.stamp();
        if now == stamp {
            continue;
        }
        match Link::open(&shared.config.source).await {
            Ok(link) => {
                tracing::info!("the URL of Redis changed");
                return (Box::new(link), now);
            }
            // The password may be in the file before Redis knows it.
            Err(problem) => shared.rotation(problem),
        }
        pause = LONGEST_PAUSE;
    }
}
