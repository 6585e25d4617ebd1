//! What `/status` says about the policy and its sources.

use std::sync::{Arc, Mutex, MutexGuard};

use serde::Serialize;

use crate::{
    metrics::Metrics,
    policy::{self, Policy, Source},
};

/// Whether a source is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SourceState {
    /// It is not in use.
    Unused,
    /// It answers.
    Connected,
    /// It does not answer; the last policy stays in force.
    Disconnected,
}

impl SourceState {
    /// As a flag would say it.
    #[must_use]
    pub const fn of(connected: bool) -> Self {
        if connected { Self::Connected } else { Self::Disconnected }
    }
}

/// What is known of the policy and its sources.
#[derive(Debug)]
pub struct Report {
    facts: Mutex<Facts>,
    metrics: Arc<Metrics>,
}

/// A copy of it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Generation in force; none before the first policy.
    pub generation: Option<i64>,
    /// Where it was read.
    pub source: Option<Source>,
    /// Whether the API answers.
    pub watch: SourceState,
    /// What is wrong with newer versions that are not in force.
    pub problems: Vec<(Source, String)>,
    /// Whether the resource asks for what only a restart can give.
    pub needs_restart: bool,
    /// When the policy came into force, in seconds since the epoch.
    pub since: u64,
    /// The keys that check tokens; none where nobody needs one.
    pub keys: Option<KeyFacts>,
}

/// What is known of the keys that check tokens.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyFacts {
    /// How many there are.
    pub keys: usize,
    /// Where they are from.
    pub source: String,
    /// When they were read, in seconds since the epoch.
    #[serde(serialize_with = "rfc3339")]
    pub last_refresh: Option<u64>,
    /// What is wrong with the source, or with some of its keys.
    pub problem: Option<String>,
}

impl Report {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let facts = Facts {
            generation: None,
            source: None,
            watch: SourceState::Unused,
            problems: Vec::new(),
            needs_restart: false,
            since: 0,
            keys: None,
        };
        Self { facts: Mutex::new(facts), metrics }
    }

    /// What is known now.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.lock().clone()
    }

    /// A policy came into force. One from the cluster settles what was wrong with the file too.
    pub fn policy(&self, policy: &Policy) {
        let since = policy::now();
        self.metrics.policy_generation.set(policy.generation);
        self.metrics.policy_since.set(i64::try_from(since).unwrap_or(i64::MAX));
        let mut facts = self.lock();
        facts.generation = Some(policy.generation);
        facts.source = Some(policy.source);
        facts.problems.retain(|(source, _)| policy.source == Source::File && *source == Source::Watch);
        facts.since = since;
        self.count_problems(&facts);
    }

    /// The resource asks for another path, other transports or other pings than this process started with.
    pub fn needs_restart(&self, needs_restart: bool) {
        self.lock().needs_restart = needs_restart;
    }

    /// A newer version cannot be used.
    pub fn refused(&self, source: Source, problems: Vec<String>) {
        let mut facts = self.lock();
        facts.problems.retain(|(of, _)| *of != source);
        facts.problems.extend(problems.into_iter().map(|problem| (source, problem)));
        self.count_problems(&facts);
    }

    /// The API answers, or does not.
    pub fn watch(&self, state: SourceState) {
        self.metrics.watch_connected.set(i64::from(state == SourceState::Connected));
        self.lock().watch = state;
    }

    /// The keys that check tokens were read, or could not be, or are needed no more.
    pub fn keys(&self, keys: Option<KeyFacts>) {
        let count = keys.as_ref().map_or(0, |facts| facts.keys);
        self.metrics.keys.set(i64::try_from(count).unwrap_or(i64::MAX));
        self.lock().keys = keys;
    }

    fn count_problems(&self, facts: &Facts) {
        self.metrics.policy_problems.set(i64::try_from(facts.problems.len()).unwrap_or(i64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().expect("nothing panics under this lock")
    }
}

#[allow(clippy::ref_option, reason = "serde asks for it")]
fn rfc3339<S: serde::Serializer>(time: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    let time = time.map(|time| std::time::UNIX_EPOCH + std::time::Duration::from_secs(time));
    time.map(|time| humantime::format_rfc3339_seconds(time).to_string()).serialize(serializer)
}
