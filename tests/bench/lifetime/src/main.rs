//! A thousand real clients behind a real load balancer that cuts every WebSocket at 30 s, on real pods, while everything around
//! them changes: what they notice, in figures. Fails where a promise does not hold.

mod account;
mod crowd;
mod handshakes;
mod peer;
mod promise;
mod redis;
mod scenario;
mod site;
mod table;
mod usage;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use clap::Parser;
use local_cluster::node_support;

use crate::{
    scenario::{Scenario, Served},
    site::Site,
    table::Row,
};

/// What happens to many connections while everything around them changes.
#[derive(Debug, Parser)]
struct Options {
    /// What happens meanwhile; several with a comma. Absent: all of it.
    #[arg(value_delimiter = ',')]
    scenarios: Vec<Scenario>,
    /// Who serves; several with a comma.
    #[arg(long, value_delimiter = ',', default_value = "bundled")]
    served: Vec<Served>,
    /// How many clients.
    #[arg(long, default_value_t = 1000)]
    clients: usize,
    /// Pods of the service; one alone has no backplane.
    #[arg(long, default_value_t = 4)]
    pods: usize,
    /// Minutes of rotation alone.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Milliseconds between two messages of a client.
    #[arg(long, default_value_t = 1000)]
    every: u64,
    /// Age at which the load balancer cuts a WebSocket, in seconds.
    #[arg(long, default_value_t = 30)]
    age: u64,
    /// Instead of all that: so many handshakes of each version of the client by each transport, at whichever pod.
    #[arg(long, value_name = "COUNT", conflicts_with = "scenarios")]
    handshakes: Option<usize>,
    /// Writes each line into the table between the marks `<!-- NAME: begin -->` and `<!-- NAME: end -->` of this file.
    #[arg(long)]
    write: Option<PathBuf>,
    /// The NAME of those marks.
    #[arg(long, default_value = "lifetime")]
    mark: String,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    if let Err(missing) = node_support() {
        bail!("this needs a node: {missing}");
    }
    if let Some(count) = options.handshakes {
        return shake_hands(&options, count).await;
    }
    let mut rows = Vec::new();
    for served in &options.served {
        let mut site = Site::start(*served, options.pods).await?;
        let outcome = run(&mut site, *served, &options, &mut rows).await;
        if outcome.is_err() {
            eprintln!("{}", site.describe().await);
        }
        let stopped = site.stop().await;
        outcome.and(stopped)?;
    }
    println!("\n{}", table::of(&rows));
    let broken: Vec<_> = rows.iter().flat_map(promise::broken).collect();
    Ok(verdict(&broken))
}

/// Says what is broken.
fn verdict(broken: &[String]) -> ExitCode {
    broken.iter().for_each(|broken| println!("BROKEN {broken}"));
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn shake_hands(options: &Options, count: usize) -> Result<ExitCode> {
    let mut all = Vec::new();
    for served in &options.served {
        let mut site = Site::start(*served, options.pods).await?;
        let outcomes = handshakes::play(&mut site, *served, count).await;
        site.stop().await?;
        all.push((*served, outcomes?));
    }
    println!("\n{}", handshakes::of(&all));
    if let Some(file) = &options.write {
        handshakes::write(file, &options.mark, &all)?;
    }
    let broken: Vec<_> = all.iter().flat_map(|(served, outcomes)| handshakes::broken(*served, outcomes)).collect();
    Ok(verdict(&broken))
}

async fn run(site: &mut Site, served: Served, options: &Options, rows: &mut Vec<Row>) -> Result<()> {
    let scenarios = match options.scenarios.as_slice() {
        [] => Scenario::ALL.to_vec(),
        some => some.to_vec(),
    };
    for scenario in scenarios.into_iter().filter(|scenario| served.can(*scenario)) {
        eprintln!("{served}: {scenario}");
        let (account, usage) =
            scenario::play(site, scenario, options).await.with_context(|| format!("{served}: {scenario}"))?;
        let row = Row { served, scenario, clients: options.clients, every: options.every, account, usage };
        eprintln!("{}", row.line());
        row.account.examples.iter().for_each(|example| eprintln!("  {example}"));
        if let Some(file) = &options.write {
            let written = table::write(file, &options.mark, std::slice::from_ref(&row));
            written.with_context(|| format!("failed to write {}", file.display()))?;
        }
        rows.push(row);
    }
    Ok(())
}
