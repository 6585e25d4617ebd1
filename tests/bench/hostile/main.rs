//! A hostile minute: what attackers cost and whether those who may connect notice.
//!
//! `cargo build --release -p realtime-server && cargo run --release -p realtime-server --example hostile-bench [SECONDS]`
//!
//! On loopback, against the real program: 100,000 distinct origins, oversized and slow request heads, half-open upgrades, bodies of
//! 10 MB. Meanwhile allowed clients send an echo every 20 ms. Prints memory and round trips before, during and after, and fails
//! when memory is not bounded, an allowed client loses its connection, or the status grows beyond 16 KiB.

mod attack;
mod target;
mod victim;

use std::{process::ExitCode, time::Duration};

use target::Target;
use victim::{RoundTrips, Victims};

/// More than this, above what an idle server takes, is not bounded.
const MEMORY_LIMIT_KIB: u64 = 64 * 1024;
const STATUS_LIMIT: usize = 16 * 1024;
const CALM: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60);
    let target = Target::start().await;
    let mut victims = Victims::connect(target.public, 20).await;
    tokio::time::sleep(CALM).await;
    let (calm, before) = (victims.take(), target.resident_kib());

    let attack = attack::run(target.public, Duration::from_secs(seconds));
    tokio::pin!(attack);
    let mut peak = before;
    let mut look = tokio::time::interval(Duration::from_millis(200));
    let done = loop {
        tokio::select! {
            done = &mut attack => break done,
            _ = look.tick() => peak = peak.max(target.resident_kib()),
        }
    };
    let stormy = victims.take();
    tokio::time::sleep(CALM).await;
    let (after, late) = (target.resident_kib(), victims.take());
    let status = target.status().await;
    let lost = victims.lost();

    println!("attack of {seconds} s: {done}");
    println!("allowed clients   echoes    p50 ms    p99 ms    max ms");
    for (name, trips) in [("before", &calm), ("during", &stormy), ("after", &late)] {
        println!("{name:<14} {trips}");
    }
    println!("p99 during / before: {:.1}   connections lost: {lost}", stormy.p99_ms() / calm.p99_ms());
    println!("memory: {before} KiB before, {peak} KiB at most, {after} KiB after   status: {} bytes", status.len());
    let wrong: Vec<_> = [
        (peak > before + MEMORY_LIMIT_KIB, "memory is not bounded"),
        (lost > 0, "allowed clients lost their connections"),
        (status.len() > STATUS_LIMIT, "the status is larger than 16 KiB"),
        (stormy.is_empty(), "allowed clients were not served"),
    ]
    .into_iter()
    .filter_map(|(is_wrong, what)| is_wrong.then_some(what))
    .collect();
    println!("{}", if wrong.is_empty() { "passed".to_owned() } else { format!("FAILED: {}", wrong.join(", ")) });
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl std::fmt::Display for RoundTrips {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>9} {:>9.2} {:>9.2} {:>9.2}", self.len(), self.p50_ms(), self.p99_ms(), self.max_ms())
    }
}
