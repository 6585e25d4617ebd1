//! Events that programs publish: by HTTP, with a token, on a port of its own (`http`), or through a queue in Redis (`queue`). Both are one
//! `Publisher`, which takes an event once however often it is sent under the same id.

mod event;
mod http;
pub mod numbers;
mod queue;
mod refusal;
mod report;
mod seen;
mod token;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use futures::{FutureExt, future::BoxFuture};
use realtime_backplane::{
    Appended, Backplane, Id, Problem, Queue, QueueConfig,
    codec::{self, Body, Filter, Message},
};
use tokio::{net::TcpListener, sync::oneshot};

use crate::{
    metrics::Metrics,
    options,
    recovery::{
        Recovery,
        log::Entry,
        offset::Offset,
        shared::{Place, Took, payload},
    },
};
use event::Event;
use numbers::Numbers;
use refusal::{Reason, Refusal};
pub use report::Report;
use seen::Seen;
use token::Tokens;

/// The only namespace that the server has.
const NAMESPACE: &str = "/";
/// Ids of this many events are remembered without a backplane.
const MOST_SEEN: usize = 100_000;

/// Takes events of programs.
#[derive(Debug)]
pub struct Publisher {
    recovery: Arc<Recovery>,
    window: Duration,
    seen: Seen,
    numbers: Numbers,
}

/// An event that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Taken {
    offset: Offset,
    is_new: bool,
}

/// How programs publish.
#[derive(Debug)]
pub struct Publish {
    address: Option<SocketAddr>,
    tokens: Option<Arc<Tokens>>,
    queue: Option<Queue>,
    numbers: Numbers,
}

impl Publish {
    /// Listens and reads as the options say; `None` where they say nothing.
    ///
    /// # Errors
    /// When the address is taken, or the queue has no Redis.
    pub async fn open(
        options: &options::Publish,
        place: Option<Place>,
        recovery: &Arc<Recovery>,
        metrics: &Metrics,
    ) -> anyhow::Result<Option<Arc<Self>>> {
        if options.publish_token_file.is_none() && options.queue_stream.is_none() {
            return Ok(None);
        }
        let numbers = metrics.publish.clone();
        let publisher = Arc::new(Publisher {
            recovery: Arc::clone(recovery),
            window: options.publish_window,
            seen: Seen::new(options.publish_window, MOST_SEEN),
            numbers: numbers.clone(),
        });
        let (mut address, mut tokens) = (None, None);
        if let Some(file) = &options.publish_token_file {
            let listener = TcpListener::bind(options.publish_listen).await;
            let listener = listener.with_context(|| format!("failed to listen on {}", options.publish_listen))?;
            address = Some(listener.local_addr()?);
            let read = Arc::new(Tokens::new(file.clone()));
            tokio::spawn(http::serve(listener, Arc::clone(&publisher), Arc::clone(&read), options.publish_max_body));
            tokens = Some(read);
        }
        let queue = match &options.queue_stream {
            None => None,
            Some(stream) => {
                let (Some(place), Some(shared)) = (place, recovery.shared()) else {
                    anyhow::bail!("--queue-stream needs the Redis of a backplane: --redis-url or --redis-url-file");
                };
                let config = QueueConfig {
                    source: place.source,
                    stream: stream.clone(),
                    group: options.queue_group.clone(),
                    consumer: shared.backplane.uid().to_owned(),
                    dead_letter: options.queue_dead_letter.clone().unwrap_or_else(|| format!("{stream}:dead")),
                    tries: options.queue_tries,
                    claim_after: options.queue_claim_after,
                };
                let taker = queue::Taker::new(Arc::clone(&publisher), stream.clone());
                let queue = Queue::start(config, Arc::new(taker));
                tokio::spawn(numbers::follow(queue.state(), numbers.clone()));
                Some(queue)
            }
        };
        Ok(Some(Arc::new(Self { address, tokens, queue, numbers })))
    }

    /// Where programs publish by HTTP.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Takes nothing more from the queue.
    pub async fn stop(&self) {
        if let Some(queue) = &self.queue {
            queue.stop().await;
        }
    }

    /// What `/status` says.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::of(self)
    }
}

impl Publisher {
    /// Appends an event. Those of calls that come one after the other keep their order, whether their answers are awaited or not.
    fn append(&self, event: Event, key: Option<String>) -> BoxFuture<'static, Result<Taken, Refusal>> {
        match self.recovery.shared() {
            Some(shared) => self.append_shared(&shared.backplane, event, key),
            None => std::future::ready(self.append_here(event, key)).boxed(),
        }
    }

    /// What nobody took, nobody got: whoever published it tries again, and its clients get it once.
    fn append_shared(
        &self,
        backplane: &Backplane,
        event: Event,
        key: Option<String>,
    ) -> BoxFuture<'static, Result<Taken, Refusal>> {
        let Event { namespace, data, rooms, except, .. } = event;
        let fields = payload(&data).and_then(|packet| {
            let filter = Filter { rooms, except, ..Filter::default() };
            let body = Body::Broadcast { packet, filter, request: None };
            codec::fields::encode(&Message { uid: backplane.uid().to_owned(), nsp: namespace, body }).ok()
        });
        let Some(fields) = fields else {
            let refusal = Refusal::new(Reason::Malformed, "the event cannot be written");
            return std::future::ready(Err(refusal)).boxed();
        };
        let (sender, answer) = oneshot::channel();
        let taken = |id: Id, is_new| Taken { offset: Offset::new(id.millis, id.number), is_new };
        match key {
            Some(key) => {
                let done = move |appended: Result<Appended, Problem>| {
                    sender.send(appended.map(|appended| taken(appended.id, appended.is_new))).ok();
                };
                backplane.append_once(fields, key, self.window, Box::new(done));
            }
            None => {
                let done = move |id: Result<Id, Problem>| drop(sender.send(id.map(|id| taken(id, true))));
                backplane.append(fields, Box::new(done));
            }
        }
        async move {
            match answer.await {
                Ok(answer) => answer.map_err(Refusal::of_backplane),
                Err(_) => Err(Refusal::new(Reason::Malformed, "the writer has ended")),
            }
        }
        .boxed()
    }

    fn append_here(&self, event: Event, key: Option<String>) -> Result<Taken, Refusal> {
        if event.namespace != NAMESPACE {
            let message =
                format!("{:?} is not there: without a backplane there is {NAMESPACE:?} alone", event.namespace);
            return Err(Refusal::field("namespace", message));
        }
        let entry = Entry {
            namespace: NAMESPACE.into(),
            data: event.data,
            rooms: event.rooms.into_iter().map(Into::into).collect(),
            except: event.except.into_iter().map(Into::into).collect(),
            sender: None,
            publication: None,
        };
        let append = || self.recovery.append_here(entry);
        match key {
            Some(key) => self.seen.once(key, append).map(|(offset, is_new)| Taken { offset, is_new }),
            None => append().map(|offset| Taken { offset, is_new: true }),
        }
        .ok_or_else(|| Refusal::new(Reason::Malformed, "the log does not take it"))
    }

    /// How many pods have handed to their clients what was appended here.
    async fn took(&self, offset: Offset) -> Took {
        match self.recovery.shared() {
            Some(shared) => {
                let (millis, number) = offset.parts();
                shared.reach.took(Id { millis, number }).await
            }
            None => Took { pods: 1, missing: 0 },
        }
    }
}
