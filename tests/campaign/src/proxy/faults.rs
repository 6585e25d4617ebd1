//! What goes wrong, for whom.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use super::{Asked, Verb, concerns};

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered so and never sent.
    Answer {
        /// HTTP status.
        code: u16,
        /// Seconds in the Retry-After header.
        retry_after: Option<u64>,
    },
    /// It is sent later.
    Delay(Duration),
    /// The connection ends and it is not sent.
    Reset,
    /// It is sent, and the connection ends before the answer.
    ResetAfterCommit,
    /// Nothing happens until all goes well again.
    Hang,
    /// The events of a watch suffer.
    Events(Stream),
}

/// What happens to the events of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream {
    /// They do not come.
    Drop,
    /// They come twice.
    Twice,
    /// They come later, in order.
    Later(Duration),
}

/// Which requests, or events, a fault is for.
#[derive(Clone, Debug, Default)]
pub struct On {
    /// Verbs; none means all.
    pub verbs: Vec<Verb>,
    /// The resource; none means all but leases.
    pub plural: Option<String>,
    /// The service that an object belongs to; none means all.
    pub service: Option<String>,
    /// The operator; none means all.
    pub identity: Option<String>,
}

impl On {
    fn matches(&self, identity: &str, asked: &Asked, name: &str) -> bool {
        (self.verbs.is_empty() || self.verbs.contains(&asked.verb))
            && self.plural.as_ref().map_or(asked.plural != "leases", |plural| *plural == asked.plural)
            && self.service.as_ref().is_none_or(|service| concerns(service, name))
            && self.identity.as_ref().is_none_or(|only| only == identity)
    }
}

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub struct Rule {
    /// For whom.
    pub on: On,
    /// What.
    pub fault: Fault,
}

#[derive(Default)]
pub(crate) struct Faults {
    rules: Mutex<Vec<(Rule, Arc<AtomicUsize>)>>,
    healed: Notify,
}

impl Faults {
    pub(crate) fn add(&self, rule: Rule) -> Arc<AtomicUsize> {
        let hits = Arc::new(AtomicUsize::new(0));
        self.lock().push((rule, hits.clone()));
        hits
    }

    pub(crate) fn heal(&self, service: &str) {
        self.lock().retain(|(rule, _)| rule.on.service.as_ref().is_some_and(|of| of != service));
        self.healed.notify_waiters();
    }

    pub(crate) fn of(&self, identity: &str, asked: &Asked) -> Option<Fault> {
        let streams = |fault: &Fault| matches!(fault, Fault::Events(_));
        self.first(|rule| !streams(&rule.fault) && rule.on.matches(identity, asked, &asked.name))
    }

    pub(crate) fn of_event(&self, identity: &str, watch: &Asked, name: &str) -> Option<Stream> {
        let found = self.first(|rule| matches!(rule.fault, Fault::Events(_)) && rule.on.matches(identity, watch, name));
        found.and_then(|fault| match fault {
            Fault::Events(stream) => Some(stream),
            _ => None,
        })
    }

    /// Waits until something was healed and nothing makes this request hang any more.
    pub(crate) async fn healed(&self, asked: &Asked) {
        loop {
            let healed = self.healed.notified();
            let hangs = self.lock().iter().any(|(rule, _)| {
                rule.fault == Fault::Hang
                    && rule.on.service.as_ref().is_none_or(|service| concerns(service, &asked.name))
            });
            if !hangs {
                return;
            }
            healed.await;
        }
    }

    fn first(&self, of: impl Fn(&Rule) -> bool) -> Option<Fault> {
        let rules = self.lock();
        let (rule, hits) = rules.iter().find(|(rule, _)| of(rule))?;
        hits.fetch_add(1, Ordering::SeqCst);
        Some(rule.fault.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Rule, Arc<AtomicUsize>)>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
