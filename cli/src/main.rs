//! Program `kubectl-realtime`: what the operator would do, and what it does, for people at a terminal and for scripts.

mod diff;
mod doctor;
mod explain_close;
mod input;
mod kubeconfig;
mod options;
mod origins;
mod render;
mod status;
mod up;
mod verdict;

use std::process::ExitCode;

use clap::Parser;

use options::{Cli, Command, OriginsCommand};
use verdict::Verdict;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come as errors too; they are none.
            let code = if error.use_stderr() { Verdict::InvalidInput } else { Verdict::Good };
            let _ = error.print();
            return code.into();
        }
    };
    match cli.command {
        Command::Render(options) => render::run(&options),
        Command::Diff(options) => diff::run(&options).await,
        Command::Status(options) => status::run(&options).await,
        Command::Origins { command: OriginsCommand::Check(options) } => origins::check(&options),
        Command::Doctor(options) => doctor::run(&options).await,
        Command::ExplainClose(options) => explain_close::run(&options),
        Command::Up(options) => up::run(options).await,
    }
    .unwrap_or_else(|error| {
        eprintln!("{error:#}");
        Verdict::InvalidInput
    })
    .into()
}
