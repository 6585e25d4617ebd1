//! What the clients of several programs lived through, as one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Times are counted in classes, each so many times as long as the one before.
const CLASS: f64 = 1.02;

/// Counts of what happened, as `clients.mjs` tells them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Account {
    /// Seconds from the first message to the last answer.
    pub seconds: u64,
    /// WebSocket close codes.
    pub closes: BTreeMap<String, u64>,
    /// HTTP status of refused handshakes.
    pub refusals: BTreeMap<String, u64>,
    /// Gaps that the server told a client of, by reason.
    pub told: BTreeMap<String, u64>,
    /// How many came back in each second.
    pub returns: Vec<u64>,
    /// Milliseconds from a close to the next connection, each.
    pub away: Vec<u64>,
    pub published: u64,
    pub heard: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub disordered: u64,
    pub unconfirmed: u64,
    /// Messages that the server said it did not publish.
    pub errors: u64,
    /// Lost, with neither an error to the publisher nor a gap to the listener.
    pub unannounced: u64,
    /// From publishing to a member, counted in classes: class n is `CLASS` to the power of n, in milliseconds.
    pub latency: BTreeMap<i32, u64>,
    /// Came back as themselves.
    pub recovered: u64,
    /// Came back as strangers.
    pub joined: u64,
    pub examples: Vec<Value>,
}

impl Account {
    /// The sum of both.
    pub fn and(mut self, other: Self) -> Self {
        for (sum, more) in
            [(&mut self.closes, other.closes), (&mut self.refusals, other.refusals), (&mut self.told, other.told)]
        {
            for (key, count) in more {
                *sum.entry(key).or_default() += count;
            }
        }
        for (class, count) in other.latency {
            *self.latency.entry(class).or_default() += count;
        }
        let seconds = self.returns.len().max(other.returns.len());
        self.returns.resize(seconds, 0);
        for (sum, more) in self.returns.iter_mut().zip(other.returns) {
            *sum += more;
        }
        self.seconds = self.seconds.max(other.seconds);
        self.away.extend(other.away);
        self.away.sort_unstable();
        for (sum, more) in [
            (&mut self.published, other.published),
            (&mut self.heard, other.heard),
            (&mut self.lost, other.lost),
            (&mut self.duplicated, other.duplicated),
            (&mut self.disordered, other.disordered),
            (&mut self.unconfirmed, other.unconfirmed),
            (&mut self.errors, other.errors),
            (&mut self.unannounced, other.unannounced),
            (&mut self.recovered, other.recovered),
            (&mut self.joined, other.joined),
        ] {
            *sum += more;
        }
        self.examples.extend(other.examples);
        self.examples.truncate(10);
        self
    }

    /// Closes without a close frame.
    pub fn abnormal(&self) -> u64 {
        self.closes.get("1006").copied().unwrap_or(0)
    }

    /// All closes.
    pub fn closed(&self) -> u64 {
        self.closes.values().sum()
    }

    /// A quantile of the time away, in milliseconds.
    pub fn away(&self, part: f64) -> u64 {
        let index = (self.away.len() as f64 * part) as usize;
        self.away.get(index.min(self.away.len().saturating_sub(1))).copied().unwrap_or(0)
    }

    /// A quantile of the time from publishing to a member, in milliseconds.
    pub fn latency(&self, part: f64) -> f64 {
        let mut left = self.latency.values().sum::<u64>() as f64 * part;
        for (class, count) in &self.latency {
            left -= *count as f64;
            if left <= 0.0 {
                return CLASS.powi(*class);
            }
        }
        0.0
    }

    /// Most returns in one second, as a multiple of the mean.
    pub fn herd(&self) -> f64 {
        let sum: u64 = self.returns.iter().sum();
        let most = self.returns.iter().max().copied().unwrap_or(0);
        if sum == 0 { 0.0 } else { most as f64 * self.returns.len() as f64 / sum as f64 }
    }
}
