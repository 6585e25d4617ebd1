//! Log lines on standard error; standard output has one line, the bound addresses.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use crate::options::{LogFormat, Options};

/// Starts logging.
///
/// # Errors
/// When the filter is not one.
pub fn start(options: &Options) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&options.log).with_context(|| format!("--log {:?} is no filter", options.log))?;
    let filter = without_tokens(filter, &options.log);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match options.log_format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
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
