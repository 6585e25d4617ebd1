//! Options of `doctor` and `explain-close`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum, builder::BoolishValueParser};

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// URL of the server, e.g. https://chat.domain-a.com/oursocketio; without a path, /socket.io is asked.
    #[arg(value_name = "URL", env = "REALTIME_DOCTOR_URL")]
    pub(crate) url: String,
    /// Origin of the page, as a browser sends it, e.g. https://app.domain-b.com.
    #[arg(long, value_name = "ORIGIN", env = "REALTIME_ORIGIN", allow_hyphen_values = true)]
    pub(crate) origin: String,
    /// Path of the endpoint, as in the client's option `path`.
    #[arg(long, value_name = "PATH", env = "REALTIME_DOCTOR_PATH")]
    pub(crate) path: Option<String>,
    /// Header that the page sends by polling (extraHeaders); may be given several times. With a name alone the preflight asks for
    /// it; with a value, requests carry it. Values are never shown. Default: Authorization, without a value.
    #[arg(long, value_name = "NAME[: VALUE]", env = "REALTIME_DOCTOR_HEADER", hide_env_values = true)]
    pub(crate) header: Vec<String>,
    /// The page sends no headers of its own, so browsers send no preflight.
    #[arg(long, env = "REALTIME_DOCTOR_NO_HEADERS", value_parser = BoolishValueParser::new(), conflicts_with = "header")]
    pub(crate) no_headers: bool,
    /// The page sends cookies (withCredentials).
    #[arg(long, env = "REALTIME_DOCTOR_CREDENTIALS", value_parser = BoolishValueParser::new())]
    pub(crate) credentials: bool,
    /// The page sends no cookies; this is the default.
    #[arg(long, env = "REALTIME_DOCTOR_NO_CREDENTIALS", value_parser = BoolishValueParser::new(), overrides_with = "credentials")]
    pub(crate) no_credentials: bool,
    /// Transports that the page uses.
    #[arg(
        long,
        value_name = "LIST",
        env = "REALTIME_DOCTOR_TRANSPORTS",
        value_delimiter = ',',
        default_value = "websocket,polling"
    )]
    pub(crate) transports: Vec<Transport>,
    /// Version of the page's socket.io-client: 2 speaks Engine.IO 3, 3 and 4 speak Engine.IO 4. Default: 4, and 2 where the server
    /// speaks nothing newer.
    #[arg(long, value_name = "VERSION", env = "REALTIME_DOCTOR_CLIENT", value_parser = clap::value_parser!(u8).range(1..=4))]
    pub(crate) client: Option<u8>,
    /// What is expected to answer.
    #[arg(long, value_name = "PROTOCOL", env = "REALTIME_DOCTOR_PROTOCOL", default_value = "socket.io")]
    pub(crate) protocol: Protocol,
    /// Payload of the Socket.IO CONNECT (the client's option `auth`), for --hold.
    #[arg(long, value_name = "JSON", env = "REALTIME_DOCTOR_AUTH", hide_env_values = true)]
    pub(crate) auth: Option<String>,
    /// Connect here instead, e.g. to the load balancer's address before the DNS record is there.
    #[arg(long, value_name = "HOST:PORT", env = "REALTIME_DOCTOR_CONNECT_TO")]
    pub(crate) connect_to: Option<String>,
    /// Authorities to trust besides this machine's, in PEM.
    #[arg(long, value_name = "FILE", env = "REALTIME_DOCTOR_CA")]
    pub(crate) ca: Option<PathBuf>,
    /// Go on after a certificate that is not valid.
    #[arg(long, env = "REALTIME_DOCTOR_INSECURE", value_parser = BoolishValueParser::new())]
    pub(crate) insecure: bool,
    /// How long a connection or an answer may take.
    #[arg(long, value_name = "DURATION", env = "REALTIME_DOCTOR_TIMEOUT", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
    /// Hold a WebSocket open for so long, to measure when it is cut, e.g. 10m.
    #[arg(long, value_name = "DURATION", env = "REALTIME_DOCTOR_HOLD", value_parser = humantime::parse_duration)]
    pub(crate) hold: Option<Duration>,
    /// One JSON object with verdict, reason, rung and the steps, instead of texts.
    #[arg(long, env = "REALTIME_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    /// Write all requests and answers to a file that browsers' developer tools open (HTTP Archive 1.2).
    #[arg(long, value_name = "FILE", env = "REALTIME_DOCTOR_HAR")]
    pub(crate) har: Option<PathBuf>,
}

/// A transport of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    Websocket,
    Polling,
}

/// What answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// Engine.IO and Socket.IO.
    #[value(name = "socket.io")]
    SocketIo,
    /// A WebSocket that speaks anything.
    Websocket,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainClose {
    /// A close code (1006), a status (400) or a line as programs and browsers print it; - reads lines from standard input.
    #[arg(value_name = "TEXT", required = true, env = "REALTIME_EXPLAIN_TEXT")]
    pub(crate) text: Vec<String>,
    /// One JSON object a line, with verdict, reason, rung, meaning, causes and checks.
    #[arg(long, env = "REALTIME_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}
