//! The load balancer as a program: it serves the cluster that KUBECONFIG names until it is told to stop.

use std::{net::IpAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use kube::Client;
use local_balancer::{Balancer, Error, Options, gke};
use tokio::signal::unix::{SignalKind, signal};

/// A load balancer for a local cluster: Envoy, with the meaning of Google's HTTP(S) load balancer.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen, and what to write into the status of Ingresses
    #[arg(long, env = "BALANCER_ADDRESS", default_value = "127.0.0.1")]
    address: IpAddr,
    /// Port of plain HTTP; 0 takes a free one
    #[arg(long, env = "BALANCER_HTTP_PORT", default_value_t = 80)]
    http_port: u16,
    /// Port of HTTPS; 0 takes a free one
    #[arg(long, env = "BALANCER_HTTPS_PORT", default_value_t = 443)]
    https_port: u16,
    /// Serve Ingresses of this class too, by no rules but Kubernetes' own
    #[arg(long, env = "BALANCER_CLASS")]
    class: Option<String>,
    /// Do not serve the classes gce and gce-internal
    #[arg(long, env = "BALANCER_NO_GKE")]
    no_gke: bool,
    /// How long an endpoint that leaves still gets requests, e.g. 10s
    #[arg(long, env = "BALANCER_DETACH", default_value = "0s", value_parser = humantime::parse_duration)]
    detach: Duration,
    /// Folder of the certificate authority, made where it is missing [default: in the user's cache folder]
    #[arg(long, env = "BALANCER_AUTHORITY")]
    authority: Option<PathBuf>,
    /// Envoy's log [default: in a temporary folder]
    #[arg(long, env = "BALANCER_LOG")]
    log: Option<PathBuf>,
    /// Envoy's worker threads
    #[arg(long, env = "BALANCER_WORKERS", default_value_t = 1)]
    workers: u32,
    /// Print the definitions of BackendConfig, FrontendConfig and ManagedCertificate, and end
    #[arg(long)]
    definitions: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Error> {
    let Arguments { address, http_port, https_port, class, no_gke, detach, authority, log, workers, definitions } =
        arguments;
    if definitions {
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": gke::definitions()});
        println!("{list:#}");
        return Ok(());
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Admin)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Admin)?;
    let client = Client::try_default().await?;
    let options = Options {
        address,
        http_port,
        https_port,
        gke: !no_gke,
        class,
        detach,
        authority: Some(authority.unwrap_or_else(own_folder)),
        envoy: None,
        log,
        workers,
    };
    let balancer = Balancer::start(client, options).await?;
    println!("http {}", balancer.http());
    println!("https {}", balancer.https());
    println!("ca {}", balancer.ca().display());
    println!("log {}", balancer.log().display());
    tokio::select! {
        error = balancer.failed() => return Err(error),
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    balancer.stop().await;
    Ok(())
}

fn own_folder() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    cache.join("realtime-operator").join("authority")
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
