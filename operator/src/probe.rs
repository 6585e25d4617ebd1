//! The operator as a page on another site: it climbs the ladder of a service from outside, and keeps what it met.
//!
//! A reconcile says what is to be asked ([`Probes::see`]) and takes the last answer along; it never waits for one. A task of its own
//! ([`run`]) asks what is due and has the service looked at again when the answer is another one.

pub mod answer;
mod climb;
mod course;
pub mod question;
mod run;
pub mod yaml;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use realtime_crds::{RealtimeServiceStatus, ValidService, conditions::ConditionType};
use tokio::sync::Notify;

use crate::{fleet::ServiceKey, observe::Observed, status};
pub use answer::Answer;
use course::{Course, Stage};
pub use question::Question;
pub(crate) use run::run;

/// What the probe has to say of a service that asks for one.
#[derive(Clone, Debug, PartialEq)]
pub enum Probed {
    /// The operator was told not to probe.
    Off,
    /// Nothing of this generation yet.
    Pending,
    /// The last answer.
    Answer(Answer),
}

/// All services that are probed, by uid.
pub(crate) struct Probes {
    allowed: bool,
    entries: Mutex<HashMap<String, Entry>>,
    /// Something may be due sooner than it was.
    sooner: Notify,
}

struct Entry {
    place: ServiceKey,
    question: Question,
    generation: i64,
    course: Course,
}

/// A climb that is to be made.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    uid: String,
    round: u64,
    question: Question,
    stage: Stage,
}

impl Probes {
    /// `allowed`: whether the operator probes at all.
    pub(crate) fn new(allowed: bool) -> Self {
        Self { allowed, entries: Mutex::default(), sooner: Notify::new() }
    }

    /// Takes in what a service asks for, and gives what is known. `before` is the status that was there.
    pub(crate) fn see(
        &self,
        service: &ValidService,
        observed: &Observed,
        before: &RealtimeServiceStatus,
    ) -> Option<Probed> {
        let Some(probe) = &service.spec().probe else {
            self.forget(service.uid());
            return None;
        };
        if !self.allowed {
            return Some(Probed::Off);
        }
        let generation = service.generation();
        let question = question::of(service, probe, observed);
        let place = (service.namespace().to_owned(), service.name().to_owned());
        let now = Instant::now();
        let mut entries = self.lock();
        let entry = entries.entry(service.uid().to_owned()).or_insert_with(|| Entry {
            place,
            question: question.clone(),
            generation,
            course: Course::begin(held_before(before, generation), probe.every.map(|every| every.get()), now),
        });
        if entry.generation != generation {
            entry.course.anew(now);
        } else if entry.question != question {
            entry.course.again(now);
        }
        (entry.generation, entry.question) = (generation, question);
        entry.course.settled(status::is_ready(observed), now);
        let answer = entry.course.answer().cloned();
        drop(entries);
        self.sooner.notify_one();
        Some(answer.map_or(Probed::Pending, Probed::Answer))
    }

    /// Forgets a service that is gone, or asks for no probe any more.
    pub(crate) fn forget(&self, uid: &str) {
        if self.lock().remove(uid).is_some() {
            self.sooner.notify_one();
        }
    }

    /// What is due, and when something is due next.
    fn take_due(&self, now: Instant) -> (Vec<Ticket>, Option<Instant>) {
        let mut tickets = Vec::new();
        let mut next = None;
        for (uid, entry) in self.lock().iter_mut() {
            if let Some(stage) = entry.course.take(now) {
                let question = entry.question.clone();
                tickets.push(Ticket { uid: uid.clone(), round: entry.course.round(), question, stage });
            } else if let Some(due) = entry.course.due() {
                next = Some(next.map_or(due, |next: Instant| next.min(due)));
            }
        }
        (tickets, next)
    }

    /// Takes in an answer, or none; gives the service if it has something new to say.
    fn take_in(&self, ticket: &Ticket, answer: Option<Answer>, now: Instant) -> Option<ServiceKey> {
        let mut entries = self.lock();
        let entry = entries.get_mut(&ticket.uid).filter(|entry| entry.course.round() == ticket.round)?;
        entry.course.take_in(ticket.stage, answer, &entry.question, now).then(|| entry.place.clone())
    }

    /// Whether anybody waits for this climb still.
    fn is_wanted(&self, ticket: &Ticket) -> bool {
        self.lock().get(&ticket.uid).is_some_and(|entry| entry.course.round() == ticket.round)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        // Each change of the map is complete before anything in it can panic.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an operator before this one found of this generation.
fn held_before(before: &RealtimeServiceStatus, generation: i64) -> Option<bool> {
    let name = ConditionType::Reachable.as_str();
    let known = before.conditions.iter().find(|condition| condition.type_ == name)?;
    match (known.observed_generation == Some(generation), known.status.as_str()) {
        (true, "True") => Some(true),
        (true, "False") => Some(false),
        _ => None,
    }
}
