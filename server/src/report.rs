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
    /// What is wrong with a newer version that is not in force, by source.
    pub problems: Vec<String>,
    /// Whether the resource asks for what only a restart can give.
    pub needs_restart: bool,
    /// When the policy came into force, in seconds since the epoch.
    pub since: u64,
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
        };
        Self { facts: Mutex::new(facts), metrics }
    }

    /// What is known now.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.lock().clone()
    }

    /// A policy came into force.
    pub fn policy(&self, policy: &Policy) {
        let since = policy::now();
        self.metrics.policy_generation.set(policy.generation);
        self.metrics.policy_problems.set(0);
        self.metrics.policy_since.set(i64::try_from(since).unwrap_or(i64::MAX));
        let mut facts = self.lock();
        facts.generation = Some(policy.generation);
        facts.source = Some(policy.source);
        facts.problems.clear();
        facts.since = since;
    }

    /// The resource asks for another path, other transports or other pings than this process started with.
    pub fn needs_restart(&self, needs_restart: bool) {
        self.lock().needs_restart = needs_restart;
    }

    /// A newer version cannot be used.
    pub fn refused(&self, source: Source, problems: Vec<String>) {
        self.metrics.policy_problems.set(i64::try_from(problems.len()).unwrap_or(i64::MAX));
        self.lock().problems = problems.iter().map(|problem| format!("{}: {problem}", source.as_str())).collect();
    }

    /// The API answers, or does not.
    pub fn source(&self, source: Source, state: SourceState) {
        if source == Source::Watch {
            self.metrics.watch_connected.set(i64::from(state == SourceState::Connected));
            self.lock().watch = state;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().expect("nothing panics under this lock")
    }
}
