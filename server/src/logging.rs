//! Log lines on standard error, and traces where they are wanted; standard output has one line, the bound addresses.

use anyhow::Context;
use realtime_telemetry::{Log, Program, Running};
use tokio::runtime::Handle;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::options::{LogFormat, Options};

/// Starts logging, and traces, which `runtime` sends.
///
/// # Errors
/// When the filter is not one, or the receiver of traces cannot be one.
pub fn start(options: &Options, runtime: &Handle) -> anyhow::Result<Running> {
    let filter = EnvFilter::try_new(&options.log).with_context(|| format!("--log {:?} is no filter", options.log))?;
    let filter = without_tokens(filter, &options.log);
    let log = Log { filter, json: options.log_format == LogFormat::Json, targets: false };
    let program = Program { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") };
    Ok(realtime_telemetry::start(program, log, &options.traces, runtime)?)
}

/// Debug lines of these libraries have the clients' tokens in them: whoever wants the lines has to name one.
fn without_tokens(filter: EnvFilter, words: &str) -> EnvFilter {
    const LIBRARIES: [&str; 3] = ["socketioxide", "engineioxide", "tungstenite"];
    let is_verbose = filter.max_level_hint().is_none_or(|level| level > LevelFilter::INFO);
    if !is_verbose || LIBRARIES.iter().any(|name| words.contains(name)) {
        return filter;
    }
    let quiet = |name| format!("{name}=info").parse().expect("a directive");
    LIBRARIES.iter().fold(filter, |filter, name| filter.add_directive(quiet(name)))
}
