//! Reads the stream, from where it was.

use std::{
    sync::{Arc, atomic::Ordering},
    time::SystemTime,
};

use redis::{FromRedisValue, Value, aio::ConnectionLike, streams::StreamRangeReply};

use crate::{
    codec::fields::Fields,
    driver::{Backplane, Shared},
    id::Id,
    link::{BLOCK, Connection, strange},
    problem::Problem,
    writer,
};

/// Entries that are read at once.
const PAGE: usize = 512;
/// Keys and values of an entry.
type Pairs = Vec<(String, String)>;

/// Finds the place from which to read on. An entry of this server's own tells where the stream ends, and that it may be written.
pub(crate) async fn find_place(shared: &Arc<Shared>, connection: &mut Connection) -> Result<(), Problem> {
    let here = writer::heartbeat(&shared.config);
    let end: String = writer::append(&shared.config, &here).query_async(connection).await?;
    let end: Id = end.parse().map_err(|_| strange("XADD gives an id"))?;
    let position = *shared.position.lock().expect("nothing panics under this lock");
    let Some(position) = position else {
        *shared.position.lock().expect("nothing panics under this lock") = Some(end);
        shared.receive.begin(end);
        return Ok(());
    };
    // Each place that is remembered had an entry. Where that is gone, so may be others that nobody here has read.
    if range(connection, &shared.config.stream, position, position, 1).await?.is_empty() {
        tracing::warn!(%position, "the stream no longer has what was read last: something may be lost");
        shared.receive.hole(position);
    }
    Ok(())
}

/// Until the connection breaks.
pub(crate) async fn read(shared: &Arc<Shared>, mut connection: Connection) -> Problem {
    loop {
        if let Err(problem) = read_page(shared, &mut connection).await {
            return problem;
        }
    }
}

async fn read_page(shared: &Arc<Shared>, connection: &mut Connection) -> Result<(), Problem> {
    let position = shared.position.lock().expect("nothing panics under this lock").unwrap_or_default();
    let mut command = redis::cmd("XREAD");
    command.arg("COUNT").arg(PAGE).arg("BLOCK").arg(u64::try_from(BLOCK.as_millis()).unwrap_or(u64::MAX));
    command.arg("STREAMS").arg(&shared.config.stream).arg(position.to_string());
    let answer: Value = command.query_async(connection).await?;
    let entries = match answer {
        Value::Nil => Vec::new(),
        answer => streams(answer)?,
    };
    let is_full = entries.len() == PAGE;
    let mut last = position;
    for (id, pairs) in entries {
        last = id.parse().map_err(|_| strange("an entry has an id"))?;
        // Before it is delivered: should that fail, it is not delivered twice.
        *shared.position.lock().expect("nothing panics under this lock") = Some(last);
        shared.receive.entry(last, &fields(pairs));
    }
    shared.lag.store(if is_full { age(last) } else { 0 }, Ordering::Relaxed);
    Ok(())
}

fn age(id: Id) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX).saturating_sub(id.millis)
}

/// Entries of the only stream that was asked for: a list of pairs, or a map where the protocol has maps.
fn streams(answer: Value) -> Result<Vec<(String, Pairs)>, Problem> {
    let entries = match answer {
        Value::Map(streams) => streams.into_iter().next().map(|(_, entries)| entries),
        Value::Array(streams) => match streams.into_iter().next() {
            Some(Value::Array(pair)) => pair.into_iter().nth(1),
            _ => None,
        },
        _ => None,
    };
    let entries = entries.ok_or_else(|| strange("XREAD gives a stream"))?;
    Vec::from_redis_value(entries).map_err(|error| redis::RedisError::from(error).into())
}

fn fields(pairs: Pairs) -> Fields {
    let mut fields = Fields::default();
    for (key, value) in pairs {
        match key.as_str() {
            "uid" => fields.uid = value,
            "nsp" => fields.nsp = value,
            "type" => fields.kind = value,
            "data" => fields.data = Some(value),
            "number" => fields.number = value.parse().ok(),
            "publication" => fields.publication = Some(value),
            _ => {}
        }
    }
    fields
}

async fn range(
    connection: &mut impl ConnectionLike,
    stream: &str,
    from: Id,
    to: Id,
    most: usize,
) -> Result<Vec<(Id, Fields)>, Problem> {
    let mut command = redis::cmd("XRANGE");
    command.arg(stream).arg(from.to_string()).arg(to.to_string()).arg("COUNT").arg(most);
    let reply: StreamRangeReply = command.query_async(connection).await?;
    let entry = |entry: redis::streams::StreamId| {
        let id = entry.id.parse().map_err(|_| strange("an entry has an id"))?;
        let pair = |(key, value): (String, Value)| Some((key, String::from_redis_value(value).ok()?));
        Ok((id, fields(entry.map.into_iter().filter_map(pair).collect())))
    };
    reply.ids.into_iter().map(entry).collect()
}

impl Backplane {
    /// At most so many entries from one place to another, both included.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn range(&self, from: Id, to: Id, most: usize) -> Result<Vec<(Id, Fields)>, Problem> {
        let mut connection = self.shared.connection()?;
        range(&mut connection, &self.shared.config.stream, from, to, most).await
    }

    /// The oldest entry's place.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn oldest(&self) -> Result<Option<Id>, Problem> {
        let end = Id { millis: u64::MAX, number: u64::MAX };
        Ok(self.range(Id::default(), end, 1).await?.first().map(|(id, _)| *id))
    }

    /// The newest entry's place.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn newest(&self) -> Result<Option<Id>, Problem> {
        let mut connection = self.shared.connection()?;
        let mut command = redis::cmd("XREVRANGE");
        command.arg(&self.shared.config.stream).arg("+").arg("-").arg("COUNT").arg(1);
        let reply: StreamRangeReply = command.query_async(&mut connection).await?;
        let id = reply.ids.first().map(|entry| entry.id.parse());
        id.transpose().map_err(|_| strange("an entry has an id"))
    }
}
