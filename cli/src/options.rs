//! The command line. Every option has an environment variable.

mod doctor;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use doctor::{Doctor, ExplainClose, Protocol, Transport};

/// Works with RealtimeServices: see what the operator makes of one, check origins, try it all on this machine.
///
/// Exit status: 0 good, 1 warning, 2 bad or denied, 3 invalid input.
#[derive(Debug, Parser)]
#[command(name = "kubectl-realtime", bin_name = "kubectl realtime", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the objects that the operator makes of a resource; no cluster is needed.
    ///
    /// What is legal and unwise is said on standard error, in the words of `kubectl apply`, and leaves the exit status 0
    /// unless --strict-warnings is given. Entries of the origin policy that have no effect make it 1.
    Render(Render),
    /// Compare a file with the cluster, object by object, and say what applying it does to open connections.
    ///
    /// The cluster is the one of KUBECONFIG, or the one around this pod. Objects are only read (`get`), and nothing is
    /// written. What the apiserver fills in and what others added is not shown.
    ///
    /// Exit status: 0 no difference, 1 differences, 2 the cluster cannot be asked, 3 invalid input.
    Diff(Diff),
    /// Show one service on one screen: readiness, the budget of time as a picture, pods with their connections, denied origins, events.
    ///
    /// What each pod says of itself is asked through the apiserver (`get pods/proxy`); without that right it is left out.
    ///
    /// Exit status: 0 Ready, 1 on its way or out of date, 2 not Ready, not there, or the cluster cannot be asked, 3 invalid input.
    Status(Status),
    /// Questions about the origin policy of a resource; no cluster is needed.
    Origins {
        #[command(subcommand)]
        command: OriginsCommand,
    },
    /// Climb the ladder of any Socket.IO or WebSocket deployment as a page on another site would, and name the rung that breaks.
    ///
    /// Each rung (dns tls path handshake preflight authorization upgrade replicas cut) is shown with the request and the answer, the
    /// likely cause and what to change. Sessions that it opens, it closes; nothing is emitted.
    ///
    /// Exit status: 0 all rungs hold, 1 a warning, 2 a rung breaks, 3 invalid input.
    Doctor(Box<Doctor>),
    /// Explain a close code, a status, or a line of a log or a browser's console: causes and what to check.
    ///
    /// Exit status: 0 it is known, 1 it is not, 3 invalid input.
    ExplainClose(ExplainClose),
    /// Run everything here: a control plane, the operator, the bundled server and a page on another site; Ctrl-C ends it.
    Up(Up),
}

#[derive(Debug, Subcommand)]
pub(crate) enum OriginsCommand {
    /// Say whether an origin may connect, and if not, what is nearest and what to change.
    Check(Check),
}

#[derive(Debug, Args)]
pub(crate) struct Render {
    /// Resource file, or - for standard input. It may hold several YAML documents.
    #[arg(short, long, value_name = "FILE", env = "REALTIME_FILE")]
    pub(crate) file: PathBuf,
    /// yaml, or json for one v1/List.
    #[arg(short, long, value_name = "FORMAT", env = "REALTIME_OUTPUT", default_value = "yaml")]
    pub(crate) output: Format,
    /// Namespace for resources that name none.
    #[arg(short, long, value_name = "NAME", env = "REALTIME_NAMESPACE", default_value = "default")]
    pub(crate) namespace: String,
    /// Image of the bundled server, as given to the operator.
    #[arg(long, value_name = "IMAGE", env = "REALTIME_OPERATOR_SERVER_IMAGE")]
    pub(crate) server_image: Option<String>,
    /// Exit with 1 after any warning.
    #[arg(long, env = "REALTIME_STRICT_WARNINGS", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) strict_warnings: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// Resource file, or - for standard input. It may hold several YAML documents.
    #[arg(short, long, value_name = "FILE", env = "REALTIME_FILE")]
    pub(crate) file: PathBuf,
    /// Namespace for resources that name none. Default: the one of the KUBECONFIG's context.
    #[arg(short, long, value_name = "NAME", env = "REALTIME_NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Image of the bundled server, as given to the operator. Default: the one that the pods run.
    #[arg(long, value_name = "IMAGE", env = "REALTIME_OPERATOR_SERVER_IMAGE")]
    pub(crate) server_image: Option<String>,
    /// One JSON object with verdict, reason, changes, effects and notes, instead of texts.
    #[arg(long, env = "REALTIME_JSON", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Name of the RealtimeService.
    #[arg(value_name = "NAME", env = "REALTIME_NAME")]
    pub(crate) name: String,
    /// Its namespace. Default: the one of the KUBECONFIG's context.
    #[arg(short, long, value_name = "NAME", env = "REALTIME_NAMESPACE")]
    pub(crate) namespace: Option<String>,
    /// Show it again every 2 s, until Ctrl-C.
    #[arg(short, long, env = "REALTIME_WATCH", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) watch: bool,
    /// One JSON object, with --watch one a line, with verdict, reason and all that the screen shows.
    #[arg(long, env = "REALTIME_JSON", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Yaml,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Resource file, or - for standard input.
    #[arg(short, long, value_name = "FILE", env = "REALTIME_FILE")]
    pub(crate) file: PathBuf,
    /// Name of the resource, where the file holds several.
    #[arg(long, value_name = "NAME", env = "REALTIME_NAME")]
    pub(crate) name: Option<String>,
    /// Origin as a browser sends it, e.g. https://app.domain-b.com; may be given several times.
    #[arg(
        long,
        value_name = "ORIGIN",
        env = "REALTIME_ORIGIN",
        required_unless_present = "origin_file",
        allow_hyphen_values = true
    )]
    pub(crate) origin: Vec<String>,
    /// File with one origin a line, or - for standard input.
    #[arg(long, value_name = "FILE", env = "REALTIME_ORIGIN_FILE")]
    pub(crate) origin_file: Option<PathBuf>,
    /// One JSON object a line, with verdict, reason, pattern or nearest, hint and message.
    #[arg(long, env = "REALTIME_JSON", value_parser = clap::builder::BoolishValueParser::new())]
    pub(crate) json: bool,
}

/// What runs the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// A node where this machine can.
    Auto,
    /// A node, or an error that says what is missing.
    Node,
    /// Local processes.
    Processes,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Resource to apply and to serve.
    #[arg(short, long, value_name = "FILE", env = "REALTIME_FILE", default_value = "examples/chat.yaml")]
    pub(crate) file: PathBuf,
    /// Address of the bundled server where it is a local process.
    #[arg(long, value_name = "ADDR", env = "REALTIME_UP_LISTEN", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// What runs the pods where KUBECONFIG names no cluster: a node on this machine, or local processes instead of pods. auto
    /// takes a node where this machine can (Linux, root or sudo without a password, apt-get).
    #[arg(long, value_name = "MODE", env = "REALTIME_UP_MODE", default_value = "processes")]
    pub(crate) mode: Mode,
    /// With KUBECONFIG: the registry and path from which its nodes pull realtime-operator and realtime-server, e.g.
    /// registry.example/team. The operator is then installed by its charts.
    #[arg(long, value_name = "PREFIX", env = "REALTIME_UP_IMAGES")]
    pub(crate) images: Option<String>,
    /// Port of the local load balancer for http; 0 takes a free one.
    #[arg(long, value_name = "PORT", env = "REALTIME_UP_HTTP_PORT", default_value_t = 0)]
    pub(crate) http_port: u16,
    /// Port of the local load balancer for https; 0 takes a free one.
    #[arg(long, value_name = "PORT", env = "REALTIME_UP_HTTPS_PORT", default_value_t = 0)]
    pub(crate) https_port: u16,
    /// Port of the example page; it is served as http://localhost:PORT, another origin than the server's.
    #[arg(long, value_name = "PORT", env = "REALTIME_UP_PAGE_PORT", default_value_t = 5173)]
    pub(crate) page_port: u16,
    /// The browser client that the page loads: socket.io.min.js of the npm package socket.io-client.
    #[arg(
        long,
        value_name = "FILE",
        env = "REALTIME_UP_CLIENT",
        default_value = "tests/clients/node_modules/socket.io-client/dist/socket.io.min.js"
    )]
    pub(crate) client: PathBuf,
}
