//! The Socket.IO server that realtime-operator runs: see `realtime-server --help`.

use std::process::ExitCode;

use clap::Parser;
use realtime_server::{Options, logging};

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("realtime-server: failed to start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let telling = match logging::start(&options, runtime.handle()) {
        Ok(telling) => telling,
        Err(error) => {
            eprintln!("realtime-server: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let done = runtime.block_on(realtime_server::run(options));
    runtime.block_on(telling.end());
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not through the log: a person who starts it by hand has to see this whatever the filter says.
            eprintln!("realtime-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}
