//! What servers take of the machine.

use std::{collections::BTreeMap, fs, time::Instant};

use anyhow::{Context, Result};

/// Processor time is counted in hundredths of a second: `USER_HZ` is 100 wherever Linux runs.
const TICKS: f64 = 100.0;

/// Of each server, by its pod.
#[derive(Clone, Debug)]
pub struct Usage {
    at: Instant,
    /// Seconds of processor time, and bytes of memory.
    servers: BTreeMap<String, (f64, f64)>,
}

impl Usage {
    /// Reads it off these processes.
    pub fn now(servers: impl Iterator<Item = (String, i32)>) -> Result<Self> {
        let servers =
            servers.map(|(pod, process)| Ok((pod, (cpu(process)?, memory(process)?)))).collect::<Result<_>>()?;
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

fn cpu(process: i32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program, in brackets, may hold anything.
    let (_, fields) = stat.rsplit_once(") ").context("fields")?;
    let mut ticks = fields.split(' ').skip(11).map(str::parse::<f64>);
    Ok((ticks.next().context("utime")?? + ticks.next().context("stime")??) / TICKS)
}

fn memory(process: i32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("it has ended")?;
    Ok(line.split_whitespace().nth(1).context("a number")?.parse::<f64>()? * 1024.0)
}
