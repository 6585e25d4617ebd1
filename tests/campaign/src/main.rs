//! `realtime-campaign NAME [--profile short|long] [--seed N]`: one campaign, one line, and a status that says whether all went well.

use std::process::ExitCode;

use clap::Parser;
use realtime_campaign::{Profile, summary::Campaign};

/// Tries to break the operator.
#[derive(Debug, Parser)]
struct Cli {
    /// Which campaign.
    campaign: Campaign,
    /// How much of it.
    #[arg(long, default_value = "short")]
    profile: Profile,
    /// What chance begins from; the same seed makes the same cases.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A Markdown file whose table of campaigns takes up the result.
    #[arg(long)]
    evidence: Option<std::path::PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let Cli { campaign, profile, seed, evidence } = Cli::parse();
    let summary = campaign.run(profile, seed).await?;
    println!("{summary}");
    if let Some(file) = evidence {
        summary.enter(&file)?;
    }
    Ok(if summary.alarms.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
