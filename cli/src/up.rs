//! `up`: everything, until Ctrl-C. On a machine that can: a real cluster with the operator from its chart, the server as pods and
//! a load balancer in front. Elsewhere, and it says why: a control plane with both as local processes.

mod cluster;
mod helm;
mod installed;
mod page;
mod parts;
mod pods;
mod process;
mod processes;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use local_cluster::node_support;
use realtime_crds::RealtimeService;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    input,
    options::{Mode, Up},
    verdict::Verdict,
};
use cluster::Cluster;
use installed::Installed;
use pods::Pods;
use processes::Processes;

pub(crate) async fn run(options: Up) -> Result<Verdict> {
    let service = input::service(&options.file, None)?;
    let mut signals = Signals::listen()?;
    let theirs = std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
    match (theirs, &options.images) {
        (Some(kubeconfig), Some(images)) => {
            let mut installed = Installed::new(service);
            let outcome = until_told(&mut signals, installed.run(&options, &kubeconfig, images)).await;
            end(&mut signals, installed.end(), outcome).await
        }
        (None, _) if has_node(options.mode)? => {
            let mut pods = Pods::new(service);
            let outcome = until_told(&mut signals, pods.run(&options)).await;
            end(&mut signals, pods.end(), outcome).await
        }
        (theirs, _) => as_processes(&mut signals, &options, theirs, service).await,
    }
}

/// Whether to run pods here; says why not.
fn has_node(mode: Mode) -> Result<bool> {
    match (mode, node_support()) {
        (Mode::Processes, _) => Ok(false),
        (Mode::Auto | Mode::Node, Ok(())) => Ok(true),
        (Mode::Auto, Err(missing)) => {
            say(&format!("no node on this machine: {missing}; operator and server run as local processes instead"));
            Ok(false)
        }
        (Mode::Node, Err(missing)) => anyhow::bail!("no node on this machine: {missing}"),
    }
}

async fn as_processes(
    signals: &mut Signals,
    options: &Up,
    theirs: Option<PathBuf>,
    service: RealtimeService,
) -> Result<Verdict> {
    let cluster = match theirs {
        Some(kubeconfig) => {
            say(&format!("using the cluster of KUBECONFIG={}", kubeconfig.display()));
            say(
                "operator and server run as local processes; with --images its nodes run them, from a registry that they can pull from",
            );
            Cluster::of_somebody(&kubeconfig)
        }
        None => tokio::select! {
            cluster = Cluster::start() => cluster?,
            () = signals.next() => return Ok(Verdict::Good),
        },
    };
    let mut processes = Processes::new(cluster, service);
    let outcome = until_told(signals, processes.run(options)).await;
    end(signals, processes.end(), outcome).await
}

async fn until_told(signals: &mut Signals, run: impl Future<Output = Result<Verdict>>) -> Result<Verdict> {
    tokio::select! {
        outcome = run => outcome,
        () = signals.next() => Ok(Verdict::Good),
    }
}

async fn end(
    signals: &mut Signals,
    end: impl Future<Output = Result<()>>,
    outcome: Result<Verdict>,
) -> Result<Verdict> {
    say("ending");
    let ended = tokio::select! {
        ended = end => ended,
        () = signals.next() => Err(anyhow::anyhow!("told to go twice: what was put into the cluster may still be there")),
    };
    outcome.and_then(|verdict| ended.map(|()| verdict))
}

/// Ctrl-C, a terminal that is closed, and what others send.
struct Signals([Signal; 3]);

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("failed to listen for signals");
        Ok(Self([listen(SignalKind::interrupt())?, listen(SignalKind::hangup())?, listen(SignalKind::terminate())?]))
    }

    async fn next(&mut self) {
        let Self([interrupt, hangup, terminate]) = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

fn say(words: &str) {
    // The terminal may be gone, which is no reason to leave things behind.
    let _ = writeln!(io::stdout(), "{words}");
}

/// The program of this name beside the running one.
fn beside(program: &str) -> Result<std::path::PathBuf> {
    let here = std::env::current_exe().context("failed to find the running program")?;
    let path = here.parent().unwrap_or(Path::new(".")).join(program);
    anyhow::ensure!(path.exists(), "{} is not there: build it with `cargo build --release`", path.display());
    Ok(path)
}
