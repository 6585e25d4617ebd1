//! What came through.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use serde_json::Value;

use super::{Asked, Verb, concerns};

/// One request.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Through which door.
    pub identity: Arc<str>,
    /// What it asked for.
    pub asked: Asked,
    /// What a write said.
    pub body: Value,
    /// HTTP status of the answer; 0 while there is none.
    pub code: u16,
    /// What the answer of a write said.
    pub answer: Value,
    /// When it came.
    pub at: Instant,
}

/// All requests, in the order in which they came.
#[derive(Default)]
pub struct Record(Mutex<Vec<Entry>>);

impl Record {
    pub(crate) fn begin(&self, identity: &Arc<str>, asked: &Asked, body: &Bytes) -> usize {
        let body = if asked.verb.writes() { serde_json::from_slice(body).unwrap_or_default() } else { Value::Null };
        let entry = Entry {
            identity: identity.clone(),
            asked: asked.clone(),
            body,
            code: 0,
            answer: Value::Null,
            at: Instant::now(),
        };
        let mut entries = self.lock();
        entries.push(entry);
        entries.len() - 1
    }

    pub(crate) fn end(&self, number: usize, code: u16, answer: &Bytes) {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let mut entries = self.lock();
        let entry = &mut entries[number];
        entry.code = code;
        // The whole object would be kept for nothing.
        entry.answer = serde_json::json!({"uid": answer["metadata"]["uid"], "message": answer["message"],
            "owners": answer["metadata"]["ownerReferences"]});
    }

    /// How many there are: the place from which a later question begins.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether nothing came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those from a place on that this chooses.
    #[must_use]
    pub fn since(&self, from: usize, choose: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        self.lock().iter().skip(from).filter(|entry| choose(entry)).cloned().collect()
    }

    /// The counted writes to a service and its children from a place on.
    #[must_use]
    pub fn writes(&self, from: usize, service: &str) -> Vec<Entry> {
        self.since(from, |entry| entry.asked.counts() && concerns(service, &entry.asked.name))
    }

    /// When this service, or one of its children, was last asked for or written.
    #[must_use]
    pub fn last(&self, service: &str) -> Option<Instant> {
        let entries = self.lock();
        entries.iter().rev().find(|entry| concerns(service, &entry.asked.name)).map(|entry| entry.at)
    }

    /// What no write may do, whatever goes wrong: each sentence is an alarm.
    #[must_use]
    pub fn sins(&self) -> Vec<String> {
        let named = |entry: &Entry| format!("{:?} {}/{}", entry.asked.verb, entry.asked.plural, entry.asked.name);
        let entries = self.lock();
        let writes = entries.iter().filter(|entry| entry.asked.counts() && entry.asked.plural != "events");
        let sin = |entry: &Entry| {
            let meta = &entry.body["metadata"];
            let what = match entry.asked.verb {
                Verb::Apply if entry.code == 200 && meta["uid"].is_null() => "changed an object whatever its uid",
                Verb::Apply if has_other_controller(entry) => "went to another service's object",
                Verb::Apply if meta["uid"].is_null() && meta["resourceVersion"].is_null() => "would adopt anything",
                Verb::Delete if entry.body["preconditions"]["uid"].is_null() => "deletes whatever the uid",
                Verb::Create | Verb::Update => "is no server-side apply",
                Verb::Get | Verb::List | Verb::Watch | Verb::Apply | Verb::Delete => return None,
            };
            Some(format!("{} {what}", named(entry)))
        };
        writes.filter_map(sin).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the object that was written is controlled by another than the one that the write spoke for.
fn has_other_controller(entry: &Entry) -> bool {
    let spoke_for = &entry.body["metadata"]["ownerReferences"][0]["uid"];
    let controllers = entry.answer["owners"].as_array().into_iter().flatten().filter(|it| it["controller"] == true);
    matches!(entry.code, 200 | 201) && !spoke_for.is_null() && controllers.into_iter().any(|it| it["uid"] != *spoke_for)
}
