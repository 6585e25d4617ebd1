//! Program `realtime-operator`.

use std::{collections::BTreeSet, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use clap::Parser;
use kube::{Client, Config, client::ClientBuilder};
use realtime_operator::{
    admin,
    controller::Operator,
    leader::{Candidate, Term, unique},
    metrics::Metrics,
    options::{Cli, Command, LogFormat, Run},
    plan::Settings,
};
use realtime_telemetry::{Log, Program, Running};
use tikv_jemallocator::Jemalloc;
use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tower::filter::FilterLayer;
use tracing_subscriber::EnvFilter;

/// The C library's keeps what was freed, see `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// How long requests under way may take to end, and how long giving the lease back.
const LAST_REQUESTS: Duration = Duration::from_secs(20);
const GIVING_BACK: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Crd => print_definitions(),
        Command::Warnings => print_warnings(),
        Command::Run(options) => match start_telling(&options) {
            Ok(telling) => {
                let done = run(*options).await;
                telling.end().await;
                done
            }
            Err(error) => Err(error),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("realtime-operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print_definitions() -> anyhow::Result<()> {
    print!("{}", realtime_crds::manifest::definitions_yaml());
    Ok(())
}

fn print_warnings() -> anyhow::Result<()> {
    print!("{}", realtime_crds::manifest::warnings_yaml());
    Ok(())
}

async fn run(options: Run) -> anyhow::Result<()> {
    if let Some(file) = &options.probe_ca {
        let pem = std::fs::read(file).with_context(|| format!("failed to read --probe-ca {}", file.display()))?;
        realtime_doctor::target::check_authorities(&pem).with_context(|| format!("--probe-ca {}", file.display()))?;
    }
    let term = if options.election.leader_election { Term::not_yet() } else { Term::unlimited() };
    let clients = clients(&term).await.context("failed to read KUBECONFIG or the in-cluster configuration")?;
    let Clients { client, of_the_lease } = clients;
    let metrics = Arc::new(Metrics::default());
    let (ready, is_ready) = watch::channel(false);
    let address = admin::serve(options.admin_listen, metrics.clone(), is_ready)
        .await
        .with_context(|| format!("failed to listen on {} for --admin-listen", options.admin_listen))?;
    tracing::info!(%address, "serving /healthz, /readyz and /metrics");
    let mut told_to_go = std::pin::pin!(told_to_go()?);

    let version = tokio::select! {
        version = client.apiserver_version() => version.context("failed to reach the apiserver")?,
        () = &mut told_to_go => return Ok(()),
    };
    ready.send_replace(true);
    tracing::info!(cluster = %version.git_version, "connected");

    let identity =
        std::env::var("HOSTNAME").unwrap_or_else(|_| format!("{}-{}", "realtime-operator", std::process::id()));
    let mut lease = match options.election.leader_election {
        true => Some(Candidate::new(of_the_lease, &options.election, &unique(&identity), term)),
        false => None,
    };
    let defaults = Settings::default();
    let operator = Operator {
        client,
        // An empty variable means all, as a chart writes it.
        namespaces: options
            .namespaces
            .into_iter()
            .filter(|name| !name.is_empty())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        settings: Settings { server_image: options.server_image.unwrap_or(defaults.server_image) },
        concurrency: options.concurrency,
        probes: options.probes,
        probe_ca: options.probe_ca,
        identity,
        metrics: metrics.clone(),
    };
    loop {
        if let Some(lease) = &mut lease {
            tokio::select! {
                won = lease.wins() => { won?; tracing::info!(identity = operator.identity, "leading"); }
                () = &mut told_to_go => return Ok(()),
            }
        }
        metrics.set_leader(true);
        let ended = one_term(operator.clone(), &mut lease, &mut told_to_go).await?;
        metrics.set_leader(false);
        match ended {
            After::ToldToGo => return Ok(()),
            // As when the apiserver was away for long. Whoever leads by now, this process starts from what the cluster holds.
            After::LeaseLost => tracing::warn!("competing for the lease again"),
        }
    }
}

/// Why a term ended.
enum After {
    ToldToGo,
    LeaseLost,
}

/// Works until somebody ends it.
async fn one_term(
    operator: Operator,
    lease: &mut Option<Candidate>,
    told_to_go: &mut (impl Future<Output = ()> + Unpin),
) -> anyhow::Result<After> {
    let (stop, stopped) = watch::channel(false);
    let mut work = tokio::spawn(operator.run(async move {
        let mut stopped = stopped;
        let _ = stopped.wait_for(|stop| *stop).await;
    }));
    let is_lost = tokio::select! {
        () = told_to_go => { tracing::info!("told to go"); false }
        () = lost(lease) => { tracing::error!("the lease was lost"); true }
        _ = &mut work => anyhow::bail!("the watches ended"),
    };
    if is_lost {
        // Whatever is under way is not finished: the next leader may be at it already.
        work.abort();
        let _ = work.await;
        return Ok(After::LeaseLost);
    }
    stop.send_replace(true);
    tokio::select! {
        ended = tokio::time::timeout(LAST_REQUESTS, work) => {
            ended.context("requests did not end in time")?.context("the controller panicked")?;
        }
        // What is under way may take longer than the last renewal holds.
        () = lost(lease) => anyhow::bail!("another operator leads now"),
    }
    if let Some(lease) = lease {
        // Without it the lease runs out by itself.
        let _ = tokio::time::timeout(GIVING_BACK, lease.gives_back()).await;
    }
    Ok(After::ToldToGo)
}

/// Renews the lease, and returns when it is lost.
async fn lost(lease: &mut Option<Candidate>) {
    match lease {
        Some(lease) => lease.leads().await,
        None => std::future::pending().await,
    }
}

struct Clients {
    /// Writes only while the term lasts.
    client: Client,
    of_the_lease: Client,
}

async fn clients(term: &Term) -> kube::Result<Clients> {
    let mut config = Config::infer().await.map_err(kube::Error::InferConfig)?;
    // The client's own retries begin after 5 ms. A reconcile is tried again as a whole, and less often.
    config.default_retry = false;
    let term = term.clone();
    let fence = FilterLayer::new(move |request| term.check(request));
    let client = ClientBuilder::try_from(config.clone())?.with_layer(&fence).build();
    Ok(Clients { client, of_the_lease: Client::try_from(config)? })
}

fn start_telling(options: &Run) -> anyhow::Result<Running> {
    let filter =
        EnvFilter::try_new(&options.log).with_context(|| format!("--log {:?} is not a filter", options.log))?;
    let log = Log { filter, json: matches!(options.log_format, LogFormat::Json), targets: true };
    let program = Program { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") };
    Ok(realtime_telemetry::start(program, log, &options.traces, &Handle::current())?)
}

fn told_to_go() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("failed to listen for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
