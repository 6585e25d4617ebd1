//! Limits of one process, and what happens beyond them: a handshake is refused with 503, a message that is too long ends its connection,
//! a client that sends too fast is read more slowly and, when it does not stop, ends its connection too.

pub mod memory;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http::StatusCode;
use prometheus_client::metrics::counter::Counter;

use crate::{
    farewell::Farewell,
    metrics::{self, Metrics},
    options::{Options, Settings},
    refusal::{Code, Refusal},
};
use memory::Memory;

/// What each connection has to keep to.
#[derive(Debug)]
pub struct Limits {
    /// Longest message, in bytes.
    pub message_size: u32,
    /// Messages a second that a client may go on sending.
    pub message_rate: Option<u32>,
    /// Messages that may wait for a client that reads slowly.
    pub send_buffer: usize,
    /// How long a client may take to answer a ping.
    pub ping_timeout: Duration,
    /// How long a client may take no byte of what waits for it.
    pub stall: Duration,
    /// How long a client may go on sending too fast.
    pub patience: Duration,
    throttles: Counter,
}

impl Limits {
    /// The limits that the options set.
    #[must_use]
    pub fn new(options: &Options, settings: &Settings, metrics: &Metrics) -> Self {
        Self {
            message_size: options.max_message_size,
            message_rate: options.message_rate,
            send_buffer: options.send_buffer,
            ping_timeout: settings.ping_timeout,
            stall: settings.ping_timeout,
            // Sooner than the answer to a ping is missed that waits behind the messages.
            patience: settings.ping_timeout / 2,
            throttles: metrics.throttles.clone(),
        }
    }

    /// A measure for one client; none where there is no limit.
    #[must_use]
    pub fn pace(&self) -> Option<Pace> {
        let bucket = Bucket::new(self.message_rate?, Instant::now());
        Some(Pace { bucket, behind: None, patience: self.patience, throttles: self.throttles.clone() })
    }
}

/// How fast one client may send.
#[derive(Debug)]
pub struct Pace {
    bucket: Bucket,
    /// Since when the client has been too fast without a break.
    behind: Option<Instant>,
    patience: Duration,
    throttles: Counter,
}

impl Pace {
    /// So many messages came.
    pub fn took(&mut self, messages: u32, now: Instant) {
        self.bucket.take(f64::from(messages), now);
    }

    /// All that the client has sent is read.
    pub fn caught_up(&mut self) {
        self.behind = None;
    }

    /// How long to wait before more is read.
    ///
    /// # Errors
    /// When the client has been too fast for too long.
    pub fn pause(&mut self, now: Instant) -> Result<Option<Duration>, Farewell> {
        let Some(pause) = self.bucket.debt(now) else { return Ok(None) };
        let behind = *self.behind.get_or_insert_with(|| {
            self.throttles.inc();
            now
        });
        if now.saturating_duration_since(behind) > self.patience { Err(Farewell::RATE) } else { Ok(Some(pause)) }
    }
}

/// A token bucket that holds what comes in a second. It may be overdrawn: what has been read cannot be sent back.
#[derive(Debug)]
pub struct Bucket {
    rate: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub fn new(rate: u32, now: Instant) -> Self {
        let rate = f64::from(rate.max(1));
        Self { rate, level: rate, at: now }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + passed * self.rate).min(self.rate);
        self.at = now;
    }

    /// Takes tokens, whether they are there or not.
    pub fn take(&mut self, tokens: f64, now: Instant) {
        self.fill(now);
        self.level -= tokens;
    }

    /// Takes a token if there is one.
    pub fn try_take(&mut self, now: Instant) -> bool {
        self.fill(now);
        let is_there = self.level >= 1.0;
        if is_there {
            self.level -= 1.0;
        }
        is_there
    }

    /// Time until nothing is owed; none where nothing is.
    pub fn debt(&mut self, now: Instant) -> Option<Duration> {
        self.fill(now);
        (self.level < 0.0).then(|| Duration::from_secs_f64(-self.level / self.rate))
    }
}

/// Why a handshake is refused for overload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overload {
    /// As many sessions as are allowed are open.
    Connections,
    /// As many handshakes a second as are allowed were served.
    HandshakeRate,
    /// Memory is about to run out.
    Memory,
}

impl Overload {
    /// The word in metrics and in the answer.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::HandshakeRate => "handshake_rate",
            Self::Memory => "memory",
        }
    }

    /// The answer: when to come back is spread, so that those who are refused together do not come back together.
    #[must_use]
    pub fn refusal(self) -> Refusal {
        let (detail, seconds) = match self {
            Self::Connections => ("this server has as many connections as it is allowed; connect again later", 5..=15),
            Self::HandshakeRate => {
                ("this server opens as many connections a second as it is allowed; connect again", 1..=5)
            }
            Self::Memory => ("this server is short of memory; connect again later", 10..=30),
        };
        Refusal::new(Code::BadRequest, detail)
            .status(StatusCode::SERVICE_UNAVAILABLE)
            .reason(self.as_str())
            .retry_after(rand::random_range(seconds))
    }
}

/// Decides whether one more session may be opened.
#[derive(Debug)]
pub struct Admission {
    most: usize,
    taken: Arc<AtomicUsize>,
    rate: Option<Mutex<Bucket>>,
    memory: Option<Arc<Memory>>,
    metrics: Arc<Metrics>,
}

/// A session's place among those that are allowed; it is given back on drop.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    /// By the limits that the options set.
    #[must_use]
    pub fn new(options: &Options, memory: Option<Arc<Memory>>, metrics: Arc<Metrics>) -> Self {
        Self {
            most: options.max_connections.map_or(usize::MAX, |most| most as usize),
            taken: Arc::default(),
            rate: options.handshake_rate.map(|rate| Mutex::new(Bucket::new(rate, Instant::now()))),
            memory,
            metrics,
        }
    }

    /// A place for one more session.
    ///
    /// # Errors
    /// Why there is none.
    pub fn admit(&self) -> Result<Place, Overload> {
        self.decide().inspect_err(|overload| {
            let labels = metrics::Reason { reason: overload.as_str() };
            self.metrics.overload_refusals.get_or_create(&labels).inc();
        })
    }

    fn decide(&self) -> Result<Place, Overload> {
        if self.memory.as_ref().is_some_and(|memory| memory.is_short()) {
            return Err(Overload::Memory);
        }
        let free = |taken| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).map_err(|_| Overload::Connections)?;
        let place = Place(Arc::clone(&self.taken));
        // Last, so that a handshake that is refused for another reason costs no token.
        let bucket = self.rate.as_ref().map(|rate| rate.lock().expect("nothing panics under this lock"));
        match bucket.is_none_or(|mut bucket| bucket.try_take(Instant::now())) {
            true => Ok(place),
            false => Err(Overload::HandshakeRate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_of_a_second_passes_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10, start);
        assert_eq!((0..20).filter(|_| bucket.try_take(start)).count(), 10);
        assert_eq!((0..20).filter(|_| bucket.try_take(start + SECOND / 2)).count(), 5);
        assert_eq!(
            (0..20).filter(|_| bucket.try_take(start + 60 * SECOND)).count(),
            10,
            "no more than a second is saved up"
        );
    }

    fn pace(start: Instant) -> Pace {
        Pace { bucket: Bucket::new(10, start), behind: None, patience: 10 * SECOND, throttles: Counter::default() }
    }

    #[test]
    fn a_client_that_is_too_fast_waits_as_long_as_it_was_ahead() {
        let start = Instant::now();
        let mut pace = pace(start);
        pace.took(10, start);
        assert_eq!(pace.pause(start), Ok(None));
        pace.took(20, start);
        assert_eq!(pace.pause(start), Ok(Some(2 * SECOND)));
        assert_eq!(pace.pause(start + SECOND), Ok(Some(SECOND)));
        assert_eq!(pace.pause(start + 2 * SECOND), Ok(None));
        assert_eq!(pace.throttles.get(), 1);
    }

    #[test]
    fn who_does_not_stop_is_sent_away_and_who_pauses_is_not() {
        let start = Instant::now();
        for (pauses, is_sent_away) in [(false, true), (true, false)] {
            let mut pace = pace(start);
            let verdicts: Vec<_> = (0..30)
                .map(|second| {
                    let now = start + second * SECOND;
                    pace.took(15, now);
                    if pauses && second % 5 == 0 {
                        pace.caught_up();
                    }
                    pace.pause(now)
                })
                .collect();
            assert_eq!(verdicts.contains(&Err(Farewell::RATE)), is_sent_away, "{verdicts:?}");
        }
    }
}
