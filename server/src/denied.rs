//! Which origins were denied: a table that hostile input cannot grow.
//!
//! Space-saving counters (Metwally, Agrawal, El Abbadi 2005): when the table is full, a new origin takes the place and the count of
//! the rarest one. What is frequent stays, and no count is too low.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use origin_policy::{Decision, DenyReason, Explanation, OriginPolicy, Received};
use serde::Serialize;

use crate::metrics::Metrics;

const CAPACITY: usize = 256;
const LONGEST: usize = 256;

/// What stood in the `Origin` headers of a request, for later.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SentOrigin {
    /// Nothing.
    Missing,
    /// One value.
    One(Box<[u8]>),
    /// This many values.
    Several(usize),
}

impl SentOrigin {
    /// As the policy takes it.
    #[must_use]
    pub fn received(&self) -> Received<'_> {
        match self {
            Self::Missing => Received::Missing,
            Self::One(value) => Received::One(value),
            Self::Several(count) => Received::Several(*count),
        }
    }

    /// Keeps at most so many bytes.
    #[must_use]
    pub fn cut(received: Received<'_>, longest: usize) -> Self {
        match received {
            Received::Missing => Self::Missing,
            Received::One(value) => Self::One(value[..value.len().min(longest)].into()),
            Received::Several(count) => Self::Several(count),
        }
    }

    /// For people; control characters are escaped.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Missing => "(no Origin header)".to_owned(),
            Self::One(value) => value.utf8_chunks().fold(String::new(), |mut text, chunk| {
                text.extend(chunk.valid().chars().flat_map(|c| {
                    let escaped: Box<dyn Iterator<Item = char>> =
                        if c.is_control() { Box::new(c.escape_default()) } else { Box::new(std::iter::once(c)) };
                    escaped
                }));
                chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
                text
            }),
            Self::Several(count) => format!("({count} Origin headers)"),
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeniedOrigin {
    /// As received, cut at 256 bytes.
    pub origin: String,
    /// How often, at the most.
    pub count: u64,
    /// RFC 3339.
    pub last_seen: String,
    /// Why, as in `DenyReason`.
    pub reason: DenyReason,
    /// The mistake that it looks like.
    pub hint: origin_policy::Hint,
    /// The entry of `allow` that resembles it most.
    pub nearest: Option<String>,
    /// What to change.
    pub message: String,
}

#[derive(Debug)]
struct Entry {
    count: u64,
    last_seen: std::time::SystemTime,
    reason: DenyReason,
}

/// The table.
#[derive(Debug)]
pub struct DeniedOrigins {
    entries: Mutex<HashMap<SentOrigin, Entry>>,
    metrics: Arc<Metrics>,
}

impl DeniedOrigins {
    /// An empty table.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { entries: Mutex::new(HashMap::with_capacity(CAPACITY)), metrics }
    }

    /// Counts a denial. True when the table had no line for this origin.
    pub fn record(&self, received: Received<'_>, reason: DenyReason) -> bool {
        let origin = SentOrigin::cut(received, LONGEST);
        let mut entries = self.lock();
        let last_seen = std::time::SystemTime::now();
        if let Some(entry) = entries.get_mut(&origin) {
            entry.count += 1;
            entry.last_seen = last_seen;
            entry.reason = reason;
            return false;
        }
        let mut count = 1;
        if entries.len() >= CAPACITY {
            let rarest = entries.iter().min_by_key(|(_, entry)| (entry.count, entry.last_seen));
            let (rarest, former) =
                rarest.map(|(origin, entry)| (origin.clone(), entry.count)).expect("the table is full");
            entries.remove(&rarest);
            self.metrics.denied_evictions.inc();
            count = former + 1;
        }
        entries.insert(origin, Entry { count, last_seen, reason });
        true
    }

    /// Forgets what a new policy allows.
    pub fn forget_allowed(&self, policy: &OriginPolicy) {
        self.lock().retain(|origin, _| matches!(policy.decide(origin.received()), Decision::Denied(_)));
    }

    /// The most frequent ones, explained by the policy in force.
    #[must_use]
    pub fn top(&self, count: usize, policy: &OriginPolicy) -> Vec<DeniedOrigin> {
        let entries = self.lock();
        let mut sorted: Vec<_> = entries.iter().collect();
        sorted.sort_by_key(|(_, entry)| std::cmp::Reverse((entry.count, entry.last_seen)));
        sorted.truncate(count);
        let line = |(origin, entry): (&SentOrigin, &Entry)| {
            let Explanation { reason: _, hint, nearest, message } = policy.explain(origin.received());
            let last_seen = humantime::format_rfc3339_seconds(entry.last_seen).to_string();
            DeniedOrigin {
                origin: origin.shown(),
                count: entry.count,
                last_seen,
                reason: entry.reason,
                hint,
                nearest,
                message,
            }
        };
        sorted.into_iter().map(line).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SentOrigin, Entry>> {
        self.entries.lock().expect("nothing panics under this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> OriginPolicy {
        let config = origin_policy::Config { allow: vec!["https://app.b.com".to_owned()], ..Default::default() };
        OriginPolicy::new(&config).expect("valid")
    }

    #[test]
    fn a_flood_of_distinct_origins_does_not_grow_the_table_nor_hide_the_frequent_one() {
        let denied = DeniedOrigins::new(Arc::default());
        let long = vec![b'x'; 4096];
        for number in 0..10_000_u32 {
            denied.record(Received::One(format!("https://{number}.com").as_bytes()), DenyReason::OriginNotListed);
            if number % 10 == 0 {
                denied.record(Received::One(b"https://app.b.com/"), DenyReason::OriginMalformed);
            }
            denied.record(Received::One(&long), DenyReason::OriginTooLong);
        }
        assert_eq!(denied.lock().len(), CAPACITY);
        let top = denied.top(10, &policy());
        assert_eq!(top.len(), 10);
        assert_eq!(top[0].origin.len(), LONGEST);
        assert_eq!(top[1].origin, "https://app.b.com/");
        assert!(top[1].count >= 1000, "{}", top[1].count);
        assert_eq!(top[1].nearest.as_deref(), Some("https://app.b.com"));
        assert!(serde_json::to_string(&top).expect("JSON").len() < 16 * 1024);
    }

    #[test]
    fn an_origin_that_is_allowed_later_is_forgotten() {
        let denied = DeniedOrigins::new(Arc::default());
        denied.record(Received::One(b"https://app.b.com"), DenyReason::OriginNotListed);
        denied.record(Received::Missing, DenyReason::OriginMissing);
        denied.record(Received::Several(2), DenyReason::OriginMultiple);
        denied.forget_allowed(&policy());
        let left: Vec<_> = denied.top(10, &policy()).into_iter().map(|line| line.origin).collect();
        assert_eq!(left, ["(2 Origin headers)"]);
    }

    #[test]
    fn control_bytes_are_shown_escaped() {
        assert_eq!(SentOrigin::One(b"https://a\x1b[31m\xff".as_slice().into()).shown(), "https://a\\u{1b}[31m\\xff");
    }
}
