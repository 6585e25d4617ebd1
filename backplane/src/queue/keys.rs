//! The commands of a consumer group.

use redis::{
    Cmd, FromRedisValue, Value, pipe,
    streams::{StreamAutoClaimReply, StreamId, StreamInfoConsumersReply, StreamPendingCountReply, StreamReadReply},
};

use super::{Item, QueueConfig};
use crate::{
    link::{BLOCK, Connection},
    problem::Problem,
};

/// Entries that are taken at once.
const PAGE: usize = 64;
/// Dead letters that are kept, roughly.
const MOST_DEAD: usize = 10_000;
/// A consumer that has not asked for so long, and holds nothing, is gone.
const GONE_MILLIS: usize = 3_600_000;

impl QueueConfig {
    /// From the first entry on: what was queued before anybody read is taken too.
    pub(super) async fn make_group(&self, connection: &mut Connection) -> Result<(), Problem> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(&self.stream).arg(&self.group).arg("0").arg("MKSTREAM");
        match command.query_async::<Value>(connection).await {
            Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
            made => Ok(made.map(drop)?),
        }
    }

    /// Entries that nobody has been handed.
    pub(super) async fn next(&self, connection: &mut Connection) -> Result<Vec<Item>, Problem> {
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(&self.group).arg(&self.consumer).arg("COUNT").arg(PAGE);
        // It is to end soon when it has to.
        command.arg("BLOCK").arg(u64::try_from(BLOCK.as_millis() / 4).unwrap_or(u64::MAX));
        command.arg("STREAMS").arg(&self.stream).arg(">");
        let reply: Option<StreamReadReply> = command.query_async(connection).await?;
        let entries = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids);
        Ok(entries.map(|entry| item(entry, 1)).collect())
    }

    /// Entries that others held for too long, and where to go on.
    pub(super) async fn claim(&self, connection: &mut Connection, start: &str) -> Result<(String, Vec<Item>), Problem> {
        let millis = u64::try_from(self.claim_after.as_millis()).unwrap_or(u64::MAX);
        let mut command = redis::cmd("XAUTOCLAIM");
        command.arg(&self.stream).arg(&self.group).arg(&self.consumer).arg(millis).arg(start).arg("COUNT").arg(PAGE);
        let reply: StreamAutoClaimReply = command.query_async(connection).await?;
        let (Some(first), Some(last)) = (reply.claimed.first(), reply.claimed.last()) else {
            return Ok((reply.next_stream_id, Vec::new()));
        };
        let mut command = redis::cmd("XPENDING");
        command.arg(&self.stream).arg(&self.group).arg(&first.id).arg(&last.id).arg(PAGE * 4).arg(&self.consumer);
        let pending: StreamPendingCountReply = command.query_async(connection).await?;
        let tries = |id: &str| {
            let found = pending.ids.iter().find(|pending| pending.id == id);
            found.map_or(2, |pending| pending.times_delivered as u64)
        };
        let items = reply.claimed.into_iter().map(|entry| {
            let tries = tries(&entry.id);
            item(entry, tries)
        });
        Ok((reply.next_stream_id, items.collect()))
    }

    /// They are settled, and gone.
    pub(super) async fn acknowledge(&self, connection: &mut Connection, ids: &[&str]) -> Result<(), Problem> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut both = pipe();
        both.atomic();
        both.cmd("XACK").arg(&self.stream).arg(&self.group).arg(ids).ignore();
        both.cmd("XDEL").arg(&self.stream).arg(ids).ignore();
        Ok(both.query_async(connection).await?)
    }

    /// Puts an entry where people look for what went wrong.
    pub(super) async fn bury(&self, connection: &mut Connection, item: &Item, why: &str) -> Result<(), Problem> {
        let mut command = redis::cmd("XADD");
        command.arg(&self.dead_letter).arg("MAXLEN").arg("~").arg(MOST_DEAD).arg("*");
        for (key, value) in &item.fields {
            command.arg(key).arg(value.as_slice());
        }
        command.arg("queue").arg(&self.stream).arg("entry").arg(&item.id).arg("tries").arg(item.tries);
        command.arg("reason").arg(why);
        Ok(command.query_async::<Value>(connection).await.map(drop)?)
    }

    /// How many entries there are, and how many of them were handed out.
    pub(super) async fn measure(&self, connection: &mut Connection) -> Result<(u64, u64), Problem> {
        let length: u64 = redis::cmd("XLEN").arg(&self.stream).query_async(connection).await?;
        let mut command = redis::cmd("XPENDING");
        command.arg(&self.stream).arg(&self.group);
        let pending: Value = command.query_async(connection).await?;
        let pending = match pending {
            Value::Array(parts) => parts.into_iter().next().and_then(|count| u64::from_redis_value(count).ok()),
            _ => None,
        };
        Ok((length, pending.unwrap_or_default()))
    }

    /// Consumers that came and went are not kept for ever.
    pub(super) async fn forget_the_gone(&self, connection: &mut Connection) -> Result<(), Problem> {
        let mut command = redis::cmd("XINFO");
        command.arg("CONSUMERS").arg(&self.stream).arg(&self.group);
        let reply: StreamInfoConsumersReply = command.query_async(connection).await?;
        let is_gone = |consumer: &&redis::streams::StreamInfoConsumer| {
            consumer.pending == 0 && consumer.idle > GONE_MILLIS && consumer.name != self.consumer
        };
        for consumer in reply.consumers.iter().filter(is_gone) {
            self.delete(&consumer.name).query_async::<Value>(connection).await?;
        }
        Ok(())
    }

    /// This consumer goes. What it holds is not forgotten with it.
    pub(super) async fn leave(&self, connection: &mut Connection) -> Result<(), Problem> {
        let mut command = redis::cmd("XPENDING");
        command.arg(&self.stream).arg(&self.group).arg("-").arg("+").arg(1).arg(&self.consumer);
        let pending: StreamPendingCountReply = command.query_async(connection).await?;
        if pending.ids.is_empty() {
            self.delete(&self.consumer).query_async::<Value>(connection).await?;
        }
        Ok(())
    }

    fn delete(&self, consumer: &str) -> Cmd {
        let mut command = redis::cmd("XGROUP");
        command.arg("DELCONSUMER").arg(&self.stream).arg(&self.group).arg(consumer);
        command
    }
}

fn item(entry: StreamId, tries: u64) -> Item {
    let bytes = |(key, value): (String, Value)| Some((key, Vec::<u8>::from_redis_value(value).ok()?));
    let mut fields: Vec<_> = entry.map.into_iter().filter_map(bytes).collect();
    fields.sort();
    Item { id: entry.id, fields, tries }
}
