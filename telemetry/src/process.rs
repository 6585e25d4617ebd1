//! The numbers of this process as Prometheus names them: `process_cpu_seconds_total` and the like.

use std::{
    fmt, fs,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::{Registry, Unit},
};

/// Registers them; `registry` is one without a prefix.
pub fn register(registry: &mut Registry) {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let collector =
        Process { started, page_size: rustix::param::page_size(), ticks: rustix::param::clock_ticks_per_second() };
    registry.sub_registry_with_prefix("process").register_collector(Box::new(collector));
}

#[derive(Debug)]
struct Process {
    started: f64,
    page_size: usize,
    ticks: u64,
}

/// What `/proc/self/stat` tells, in its own units.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    /// User and system time, in clock ticks.
    ticks: u64,
    threads: u64,
    /// In bytes.
    virtual_memory: u64,
    /// In pages.
    resident: u64,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut put = |name: &str, help: &str, unit: Option<&Unit>, metric: &dyn Metric| {
            metric.put(&mut encoder, name, help, unit)
        };
        put(
            "start_time",
            "When the process started, in seconds since 1970",
            Some(&Unit::Seconds),
            &ConstGauge::new(self.started),
        )?;
        if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().and_then(|text| stat(&text)) {
            let Stat { ticks, threads, virtual_memory, resident } = stat;
            let cpu = ConstCounter::new(ticks as f64 / self.ticks as f64);
            put("cpu", "User and system CPU time spent", Some(&Unit::Seconds), &cpu)?;
            put("threads", "Threads of the process", None, &gauge(threads))?;
            put("virtual_memory", "Virtual memory", Some(&Unit::Bytes), &gauge(virtual_memory))?;
            put("resident_memory", "Resident memory", Some(&Unit::Bytes), &gauge(resident * self.page_size as u64))?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them reads the folder.
            put("open_fds", "Open file descriptors", None, &gauge(open.count().saturating_sub(1) as u64))?;
        }
        if let Some(most) = fs::read_to_string("/proc/self/limits").ok().and_then(|text| most_files(&text)) {
            put("max_fds", "Most file descriptors that may be open", None, &gauge(most))?;
        }
        Ok(())
    }
}

fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}

/// A metric that may be written, whatever its type.
trait Metric {
    fn put(&self, encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, unit: Option<&Unit>) -> fmt::Result;
}

impl<M: EncodeMetric> Metric for M {
    fn put(&self, encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, unit: Option<&Unit>) -> fmt::Result {
        self.encode(encoder.encode_descriptor(name, help, unit, self.metric_type())?)
    }
}

fn stat(text: &str) -> Option<Stat> {
    // The name, in parentheses, may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // Counted from 1 and from the process id on in proc_pid_stat(5); the third is the first here.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat { ticks: field(14)? + field(15)?, threads: field(20)?, virtual_memory: field(23)?, resident: field(24)? })
}

fn most_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_shifts_nothing() {
        let text =
            "7 (a) b (c) S 1 1 1 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 1234 4096000 300 18446744073709551615";
        let expected = Stat { ticks: 300, threads: 9, virtual_memory: 4_096_000, resident: 300 };
        assert_eq!(stat(text), Some(expected));
    }

    #[test]
    fn this_process_has_all_of_them() {
        let mut registry = Registry::default();
        register(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).expect("encoded");
        for name in [
            "process_start_time_seconds ",
            "process_cpu_seconds_total ",
            "process_threads ",
            "process_virtual_memory_bytes ",
            "process_resident_memory_bytes ",
            "process_open_fds ",
            "process_max_fds ",
        ] {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let value: f64 = line.unwrap_or_else(|| panic!("{name} in {text}")).parse().expect("a number");
            assert!(value > 0.0 || name.contains("cpu"), "{name}{value}");
        }
    }
}
