//! Entries that are appended once, however often somebody tries: Redis remembers their keys for a while.

use std::{fmt, sync::Arc, time::Duration};

use redis::{FromRedisValue, Value};

use crate::{
    codec::fields::Fields,
    driver::{Backplane, Config},
    id::Id,
    link::strange,
    problem::Problem,
    writer::{self, Command},
};

/// In one step, so that no second try comes between the look and the entry. The arguments from the third on are the entry.
const SCRIPT: &str = "local id = redis.call('GET', KEYS[2]) if id then return {id, 0} end \
    id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3)) \
    redis.call('SET', KEYS[2], id, 'PX', ARGV[2]) return {id, 1}";

/// An entry that is there once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its place.
    pub id: Id,
    /// False where it was there already.
    pub is_new: bool,
}

/// Hears what became of it.
pub type OnceDone = Box<dyn FnOnce(Result<Appended, Problem>) + Send>;

/// An entry to append once.
pub(crate) struct Once {
    pub(crate) fields: Fields,
    key: String,
    window: Duration,
    pub(crate) done: OnceDone,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("fields", &self.fields).finish_non_exhaustive()
    }
}

impl Once {
    pub(crate) fn to_redis(&self, config: &Config) -> redis::Cmd {
        let millis = u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut command = redis::cmd("EVAL");
        command.arg(SCRIPT).arg(2).arg(&config.stream).arg(name(&config.stream, &self.key));
        command.arg(config.max_length).arg(millis);
        writer::add_fields(&mut command, &self.fields);
        command
    }

    pub(crate) fn settle(self, answer: Result<Value, Problem>) {
        let read = |answer: Value| {
            let (id, is_new) = <(String, u8)>::from_redis_value(answer).ok()?;
            Some(Appended { id: id.parse().ok()?, is_new: is_new == 1 })
        };
        (self.done)(answer.and_then(|answer| read(answer).ok_or_else(|| strange("the script gives an id"))));
    }
}

/// Where a key is remembered: in a cluster on the stream's own node, which the part in braces decides.
fn name(stream: &str, key: &str) -> String {
    let tag = stream.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    match tag {
        Some(tag) if !tag.is_empty() => format!("{stream}:published:{key}"),
        Some(_) | None => format!("{{{stream}}}:published:{key}"),
    }
}

impl Backplane {
    /// Who this is.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.shared.config.uid
    }

    /// Appends an entry unless one was appended under the same key within the window. Those of calls that come one after the other keep
    /// their order.
    pub fn append_once(&self, fields: Fields, key: String, window: Duration, done: OnceDone) {
        self.push(Command::Once(Once { fields, key, window, done }));
    }

    /// Whether Redis is there now, and why not.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        Arc::clone(&self.shared).connection().err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_cluster_a_key_is_where_its_stream_is() {
        assert_eq!(name("chat", "id:7"), "{chat}:published:id:7");
        assert_eq!(name("{a}chat", "id:7"), "{a}chat:published:id:7");
        assert_eq!(name("chat{a}", "7"), "chat{a}:published:7");
    }
}
