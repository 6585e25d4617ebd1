//! `realtime-operator-bench --sizes 1000,5000 --write docs/evidence.md`: what so many services cost the operator, beside the least
//! that they could cost. Times mean something on a machine that does nothing else.

use std::{path::PathBuf, time::Duration};

use anyhow::Result;
use clap::Parser;
use realtime_operator_bench::{Plan, report, run};

/// Measures the operator at scale, on an apiserver of its own.
#[derive(Debug, Parser)]
struct Cli {
    /// How many services; one measurement each.
    #[arg(long, value_delimiter = ',', default_value = "1000,5000")]
    sizes: Vec<usize>,
    /// How many services share a namespace.
    #[arg(long, default_value_t = 20)]
    share: usize,
    /// Changes of one service, of each sort.
    #[arg(long, default_value_t = 300)]
    edits: usize,
    /// Seconds in which nothing changes, and nothing must be written: for each size, or from one on for all.
    #[arg(long, value_delimiter = ',', default_value = "60")]
    rest: Vec<u64>,
    /// Services that the bare client sends in a turn, at most; its time for more is reckoned from that.
    #[arg(long, default_value_t = 500)]
    sample: usize,
    /// Requests that the bare client has under way at once. Default: what is fastest here.
    #[arg(long)]
    at_once: Option<usize>,
    /// A Markdown file whose table of this bench takes up the result.
    #[arg(long)]
    write: Option<PathBuf>,
}

const QUIET: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<()> {
    let Cli { sizes, share, edits, rest, sample, at_once, write } = Cli::parse();
    let mut all = Vec::new();
    let last = rest.last().copied().unwrap_or_default();
    for (services, rest) in sizes.into_iter().zip(rest.into_iter().chain(std::iter::repeat(last))) {
        let plan = Plan { services, share, edits, rest: Duration::from_secs(rest), sample, at_once, quiet: QUIET };
        let figures = run(&plan).await?;
        println!("{}", report::line(&figures));
        all.push(figures);
        if let Some(file) = &write {
            report::write(file, &all)?;
        }
    }
    println!("\n{}", report::table(&all));
    Ok(())
}
