//! The command line. Every option has an environment variable.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use realtime_telemetry::Traces;

/// Runs realtime services: each RealtimeService becomes a Deployment, a Service, an Ingress and what the load balancer needs.
#[derive(Debug, Parser)]
#[command(name = "realtime-operator", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch RealtimeServices and keep what they ask for in place. Uses KUBECONFIG, or the account of its pod.
    Run(Box<Run>),
    /// Print the definitions of the resources, for `kubectl apply -f -`.
    Crd,
    /// Print the ValidatingAdmissionPolicy that warns, at `kubectl apply`, of what is legal and unwise, with its binding.
    Warnings,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Namespace to look after; may be given several times. Default: all.
    #[arg(
        long = "namespace",
        short = 'n',
        value_name = "NAME",
        env = "REALTIME_OPERATOR_NAMESPACES",
        value_delimiter = ','
    )]
    pub namespaces: Vec<String>,
    /// Address that serves /healthz, /readyz and /metrics.
    #[arg(long, value_name = "ADDR", env = "REALTIME_OPERATOR_ADMIN_LISTEN", default_value = "0.0.0.0:8080")]
    pub admin_listen: SocketAddr,
    /// Image of the bundled server. Default: realtime-server at the operator's own version.
    #[arg(long, value_name = "IMAGE", env = "REALTIME_OPERATOR_SERVER_IMAGE")]
    pub server_image: Option<String>,
    /// How many services are worked on at the same time.
    #[arg(long, value_name = "N", env = "REALTIME_OPERATOR_CONCURRENCY", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,
    /// Whether to connect to services as a page would, where spec.probe asks for it.
    #[arg(long, value_name = "BOOL", env = "REALTIME_OPERATOR_PROBES", default_value_t = true, action = clap::ArgAction::Set)]
    pub probes: bool,
    /// File of authorities in PEM that probes trust besides those of browsers, for certificates of your own. It is read for each probe.
    #[arg(long, value_name = "FILE", env = "REALTIME_OPERATOR_PROBE_CA")]
    pub probe_ca: Option<PathBuf>,
    /// Options of the leader election.
    #[command(flatten)]
    pub election: Election,
    /// How logs are written.
    #[arg(long, value_name = "FORMAT", env = "REALTIME_OPERATOR_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Which logs are written, e.g. info or debug,kube=info.
    #[arg(long, value_name = "FILTER", env = "REALTIME_OPERATOR_LOG", default_value = "info")]
    pub log: String,
    /// Options of traces.
    #[command(flatten)]
    pub traces: Traces,
}

/// Options of the leader election.
#[derive(Clone, Debug, Args)]
pub struct Election {
    /// Whether several operators agree by a Lease on the one that writes.
    #[arg(long, value_name = "BOOL", env = "REALTIME_OPERATOR_LEADER_ELECTION", default_value_t = true, action = clap::ArgAction::Set)]
    pub leader_election: bool,
    /// Name of that Lease.
    #[arg(long, value_name = "NAME", env = "REALTIME_OPERATOR_LEASE_NAME", default_value = "realtime-operator")]
    pub lease_name: String,
    /// Namespace of that Lease. Default: the operator's own, or the one of the KUBECONFIG's context.
    #[arg(long, value_name = "NAME", env = "REALTIME_OPERATOR_LEASE_NAMESPACE")]
    pub lease_namespace: Option<String>,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}
