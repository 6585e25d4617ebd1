//! What servers take of the machine.

use std::{collections::BTreeMap, io, time::Instant};

use realtime_tests::usage::{cpu, memory};

/// Of each server, by its pod.
#[derive(Clone, Debug)]
pub struct Usage {
    at: Instant,
    /// Seconds of processor time, and bytes of memory.
    servers: BTreeMap<String, (f64, f64)>,
}

impl Usage {
    /// Reads it off these processes.
    pub fn now(servers: impl Iterator<Item = (String, u32)>) -> io::Result<Self> {
        let read = |(pod, process)| Ok((pod, (cpu(process)?.as_secs_f64(), memory(process)? as f64)));
        let servers = servers.map(read).collect::<io::Result<_>>()?;
        Ok(Self { at: Instant::now(), servers })
    }

    /// Processor time since then, of those who were there already.
    pub fn since(mut self, before: &Self) -> Self {
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        self.servers.retain(|pod, (cpu, _)| {
            let then = before.servers.get(pod);
            *cpu = then.map_or(0.0, |(then, _)| (*cpu - then) / seconds);
            then.is_some()
        });
        self
    }

    /// The mean: cores, and MiB.
    pub fn mean(&self) -> Option<(f64, f64)> {
        let count = self.servers.len() as f64;
        let sum = self.servers.values().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        (count > 0.0).then(|| (sum.0 / count, sum.1 / count / 1024.0 / 1024.0))
    }
}
