//! One process of the bundled server beside Socket.IO servers in Node and Go: the same load, in turns, on the same machine, which
//! should do nothing else.
//!
//! `cargo build --release -p realtime-server && cargo run --release -p realtime-server-bench -- --write docs/evidence.md`

mod client;
mod load;
mod peer;
mod table;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use load::{Amount, Figures};
use peer::{Peer, Running};
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::task::LocalSet;

/// Measures one process of the bundled server, and of two others.
#[derive(Debug, Parser)]
struct Options {
    /// How often each is measured.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Idle connections; what handshakes cost is measured with the first number of them.
    #[arg(long, value_delimiter = ',', default_values_t = [5000, 2000, 9000])]
    idle: Vec<usize>,
    /// Members of the room that is published to.
    #[arg(long, default_value_t = 1000)]
    members: usize,
    /// Broadcasts a second, where they come at a steady pace.
    #[arg(long, default_value_t = 10)]
    pace: u32,
    /// Seconds of broadcasts at a steady pace, and as many as fast as can be.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Acknowledgements.
    #[arg(long, default_value_t = 50_000)]
    acks: usize,
    /// A Markdown file whose table of this bench takes up the result.
    #[arg(long)]
    write: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    // The servers have the first core.
    let mut core = CpuSet::new();
    core.set(1);
    sched_setaffinity(None, &core).context("this needs two cores")?;
    let Options { ref idle, members, pace, seconds, acks, .. } = options;
    let (first, others) = idle.split_first().context("--idle is empty")?;
    let amount = Amount { idle: *first, members, pace, seconds, acks, askers: 50 };
    let mut runs: Vec<(Peer, Vec<Figures>)> = Peer::ALL.map(|peer| (peer, Vec::new())).into();
    for run in 0..options.runs {
        let count = runs.len();
        // Nobody is always the first.
        for turn in 0..count {
            let (peer, figures) = &mut runs[(run + turn) % count];
            let measured = LocalSet::new().run_until(measure(*peer, &amount, others)).await;
            let measured = measured.with_context(|| peer.to_string())?;
            eprintln!("{} of {}, {peer}: {measured:?}", run + 1, options.runs);
            figures.push(measured);
        }
    }
    let table = table::table(&runs, idle);
    println!("{table}");
    options.write.map_or(Ok(()), |file| table::write(&file, &table))
}

/// Everything on one server, and idle connections alone on new ones: what was freed would serve the next ones.
async fn measure(peer: Peer, amount: &Amount, others: &[usize]) -> Result<Figures> {
    let mut figures = load::run(&Running::start(peer)?, amount).await?;
    for count in others {
        let server = Running::start(peer)?;
        load::warm_up(&server).await?;
        figures.memory.push(load::idle(&server, *count).await?.memory);
    }
    Ok(figures)
}
