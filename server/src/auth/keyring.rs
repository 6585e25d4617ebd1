//! The keys of one source, kept fresh. Whatever goes wrong with the source, the last keys stay.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
    time,
};

use super::{
    KEYS_PATIENCE,
    expectations::KeySource,
    fetch::{Fetcher, LONGEST},
    keys::{Keeper, Keys},
};
use crate::{
    metrics::{self, Metrics},
    policy::{self, file::Stamp},
    report::{KeyFacts, Report},
};

/// How old the keys of a URL may be.
const MAX_AGE: Duration = Duration::from_secs(600);
/// Tokens that name unknown keys can be invented by the million.
const BETWEEN_REFRESHES: Duration = Duration::from_secs(30);
/// Between attempts while there are no keys; it doubles up to the pause while there are some.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// As for the manifest.
const FILE_INTERVAL: Duration = Duration::from_millis(100);

/// The keys of one source.
#[derive(Debug)]
pub struct Keyring {
    /// Where they are from.
    pub source: KeySource,
    state: watch::Receiver<Arc<State>>,
    wanted: Arc<Notify>,
    asked: Mutex<Option<Asked>>,
    task: AbortHandle,
}

/// When newer keys were last asked for, and how many attempts there had been.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Instant,
    attempts: u64,
}

#[derive(Clone, Debug, Default)]
struct State {
    keys: Arc<Keys>,
    attempts: u64,
    refreshed: Option<u64>,
    problem: Option<String>,
}

/// What a source says, and what is wrong with some of its keys.
type Read = Result<(Keys, Vec<String>), String>;

impl Keyring {
    /// Follows the source until it is dropped.
    pub(super) fn open(source: KeySource, file: Option<PathBuf>, report: Arc<Report>, metrics: Arc<Metrics>) -> Self {
        let wanted = Arc::new(Notify::new());
        let (sender, state) = watch::channel(Arc::default());
        let keeper = Keepsake { source: source.shown(), state: sender, report, metrics };
        let task = match (&source, file) {
            (KeySource::Url(url), _) => tokio::spawn(keeper.follow_url(url.clone(), Arc::clone(&wanted))),
            (KeySource::Secret { .. }, Some(file)) => tokio::spawn(keeper.follow_file(file)),
            (KeySource::Secret { .. }, None) => {
                keeper.take(Err(
                    "the Secret is not mounted: this process started without --jwks-file and needs a restart"
                        .to_owned(),
                ));
                tokio::spawn(std::future::pending())
            }
        };
        Self { source, state, wanted, asked: Mutex::default(), task: task.abort_handle() }
    }

    /// The keys in force; those that are on their way are waited for.
    pub(super) async fn keys(&self) -> Arc<Keys> {
        let mut state = self.state.clone();
        time::timeout(KEYS_PATIENCE, state.wait_for(|state| state.attempts > 0)).await.ok();
        Arc::clone(&self.state.borrow().keys)
    }

    /// Reads the source again, unless that was done lately; a file is always fresh. False when nothing came of it.
    pub(super) async fn refresh(&self) -> bool {
        if let KeySource::Secret { .. } = self.source {
            return false;
        }
        let mut state = self.state.clone();
        let attempts = state.borrow().attempts;
        let asked = {
            let mut asked = self.asked.lock().expect("nothing panics under this lock");
            match *asked {
                Some(lately) if lately.at.elapsed() < BETWEEN_REFRESHES => lately,
                Some(_) | None => {
                    self.wanted.notify_one();
                    *asked.insert(Asked { at: Instant::now(), attempts })
                }
            }
        };
        if attempts > asked.attempts {
            return false;
        }
        let answered = state.wait_for(|state| state.attempts > asked.attempts);
        time::timeout(KEYS_PATIENCE, answered).await.is_ok_and(|answered| answered.is_ok())
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where what is read ends up.
#[derive(Debug)]
struct Keepsake {
    source: String,
    state: watch::Sender<Arc<State>>,
    report: Arc<Report>,
    metrics: Arc<Metrics>,
}

impl Keepsake {
    async fn follow_url(self, url: String, wanted: Arc<Notify>) {
        let fetcher = match Fetcher::new(&url) {
            Ok(fetcher) => fetcher,
            Err(problem) => {
                self.take(Err(problem));
                return;
            }
        };
        let mut pause = SHORTEST_PAUSE;
        loop {
            let read = fetcher.fetch().await.and_then(|json| Keys::read(&json, Keeper::Public));
            let is_good = self.take(read);
            let has_keys = !self.state.borrow().keys.is_empty();
            let next = match (is_good, has_keys) {
                (true, true) => MAX_AGE,
                (false, true) => LONGEST_PAUSE,
                (true | false, false) => pause,
            };
            pause = if has_keys { SHORTEST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            tokio::select! {
                () = time::sleep(next) => {}
                () = wanted.notified() => {}
            }
        }
    }

    async fn follow_file(self, file: PathBuf) {
        let mut served = Stamp::of(&file);
        let mut seen = served;
        self.take(read_all(&file));
        let mut ticks = time::interval(FILE_INTERVAL);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = Stamp::of(&file);
            if now == served || now != seen {
                seen = now;
                continue;
            }
            served = now;
            self.take(read_all(&file));
        }
    }

    /// A valid set counts, an empty one too: whoever empties it wants nobody in. True when there was one.
    fn take(&self, read: Read) -> bool {
        let was = Arc::clone(&self.state.borrow());
        let is_good = read.is_ok();
        let mut state = State { attempts: was.attempts + 1, ..State::clone(&was) };
        match read {
            Ok((keys, problems)) => {
                state.refreshed = Some(policy::now());
                state.problem = if keys.is_empty() { Some(empty(&problems)) } else { worded(&problems) };
                state.keys = Arc::new(keys);
            }
            Err(problem) => state.problem = Some(problem),
        }
        let outcome = if is_good { "ok" } else { "failed" };
        self.metrics.key_refreshes.get_or_create(&metrics::Outcome { outcome }).inc();
        if let Some(problem) = state.problem.as_ref().filter(|problem| was.problem.as_ref() != Some(problem)) {
            tracing::warn!(source = self.source, keys = state.keys.len(), "the keys that check tokens: {problem}");
        } else if state.problem.is_none() && (was.problem.is_some() || was.attempts == 0) {
            tracing::info!(source = self.source, keys = state.keys.len(), "keys that check tokens are in force");
        }
        self.report.keys(Some(KeyFacts {
            keys: state.keys.len(),
            source: self.source.clone(),
            last_refresh: state.refreshed,
            problem: state.problem.clone(),
        }));
        self.state.send_replace(Arc::new(state));
        is_good
    }
}

/// Reads a file that has to hold at least one key.
pub(super) fn read(file: &Path) -> Result<Keys, String> {
    let (keys, problems) = read_all(file)?;
    if keys.is_empty() { Err(empty(&problems)) } else { Ok(keys) }
}

fn read_all(file: &Path) -> Read {
    let size = fs::metadata(file).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > LONGEST as u64 {
        return Err(format!("has {size} bytes; {LONGEST} are the most"));
    }
    let json = fs::read(file).map_err(|error| format!("cannot be read: {error}"))?;
    Keys::read(&json, Keeper::Secret)
}

fn empty(problems: &[String]) -> String {
    let why = worded(problems).map_or_else(String::new, |problems| format!(": {problems}"));
    format!("there is no key for signatures in the key set{why}")
}

/// A few of them: the set is somebody else's, and may be long.
fn worded(problems: &[String]) -> Option<String> {
    const SHOWN: usize = 5;
    let shown = problems.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
    match problems.len() {
        0 => None,
        count if count > SHOWN => Some(format!("{shown}; and {} more", count - SHOWN)),
        _ => Some(shown),
    }
}
