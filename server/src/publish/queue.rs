//! Entries of the queue, which become events.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture, future::join_all};
use realtime_backplane::{Consume, Held, Item, Problem, Reason as Away, Verdict};
use tokio::time;

use super::{
    Publisher, Taken,
    event::Event,
    numbers::Via,
    refusal::{Reason, Refusal},
};

/// The field that holds the event.
const FIELD: &str = "publish";
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Takes entries of the queue.
#[derive(Debug)]
pub(super) struct Taker {
    publisher: Arc<Publisher>,
    stream: String,
}

impl Taker {
    pub(super) fn new(publisher: Arc<Publisher>, stream: String) -> Self {
        Self { publisher, stream }
    }

    /// In the order of the queue.
    async fn take(&self, items: &[Item], held: Held<'_>) -> Vec<Verdict> {
        let read: Vec<_> = items.iter().map(|item| (item, read(item))).collect();
        let mut results = self.append(&read).await;
        let mut pause = SHORTEST_PAUSE;
        // None of them is to blame for a backplane that is away: it is waited for, and the tries are not spent. What was taken
        // meanwhile is not taken again.
        while let Some(problem) = results.iter().find_map(waits_for) {
            held(problem);
            time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            results = self.append(&read).await;
        }
        results
            .into_iter()
            .map(|result| {
                self.publisher.numbers.event(Via::Queue, &result);
                match result {
                    Ok(_) => Verdict::Taken,
                    Err(refusal) if matches!(refusal.reason, Reason::Backplane(_)) => {
                        Verdict::Later(format!("{}: {refusal}", refusal.reason.as_str()))
                    }
                    Err(refusal) => Verdict::Never(format!("{}: {refusal}", refusal.reason.as_str())),
                }
            })
            .collect()
    }

    async fn append(&self, events: &[(&Item, Result<Event, Refusal>)]) -> Vec<Result<Taken, Refusal>> {
        let append = |(item, event): &(&Item, Result<Event, Refusal>)| match event {
            Ok(event) => {
                let own = || format!("entry:{}:{}", self.stream, item.id);
                let key = event.id.as_ref().map_or_else(own, |id| format!("id:{id}"));
                self.publisher.append(event.clone(), Some(key))
            }
            Err(refusal) => std::future::ready(Err(refusal.clone())).boxed(),
        };
        join_all(events.iter().map(append).collect::<Vec<_>>()).await
    }
}

fn waits_for(result: &Result<Taken, Refusal>) -> Option<Problem> {
    match result {
        // What Redis refuses may be the entry's own fault; anything else is not.
        Err(Refusal { reason: Reason::Backplane(reason), message, .. }) if *reason != Away::Refused => {
            Some(Problem::new(*reason, message))
        }
        _ => None,
    }
}

fn read(item: &Item) -> Result<Event, Refusal> {
    let found = item.fields.iter().find(|(name, _)| name == FIELD);
    let missing = || Refusal::field(FIELD, "is required: the field of the entry that holds the event as JSON");
    let (_, value) = found.ok_or_else(missing)?;
    let text = std::str::from_utf8(value).map_err(|_| Refusal::field(FIELD, "is not UTF-8"))?;
    Event::read(text, "")
}

impl Consume for Taker {
    fn consume<'a>(&'a self, items: &'a [Item], held: Held<'a>) -> BoxFuture<'a, Vec<Verdict>> {
        self.take(items, held).boxed()
    }

    fn gave_up(&self, item: &Item, why: &str) {
        self.publisher.numbers.dead_letter();
        tracing::warn!(entry = item.id, tries = item.tries, why, "an entry of the queue is a dead letter");
    }
}
