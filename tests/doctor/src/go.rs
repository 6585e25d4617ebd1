//! go-socket.io and gorilla/websocket.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context, Result, ensure};
use realtime_ladder::{Process, process};

/// The running servers; dropping it ends them.
#[derive(Debug)]
pub struct Go {
    _process: Process,
    ports: BTreeMap<String, u16>,
}

impl Go {
    /// Builds and starts them.
    ///
    /// # Errors
    /// When that fails.
    pub async fn start() -> Result<Self> {
        let process = Process::start("the servers of Go", process::command(program("go").await?))?;
        let ports = process.line("where they listen", |line| serde_json::from_str(line).ok()).await?;
        Ok(Self { _process: process, ports })
    }

    /// The URL of one.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn url(&self, name: &str) -> Result<String> {
        let port = self.ports.get(name).with_context(|| format!("there is no {name}"))?;
        Ok(format!("http://127.0.0.1:{port}"))
    }
}

/// What `tests/doctor/setup` brings.
///
/// # Errors
/// When it cannot be had; with what the script says.
pub async fn program(name: &str) -> Result<PathBuf> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/setup");
    let output =
        tokio::process::Command::new(script).arg(name).output().await.context("failed to run tests/doctor/setup")?;
    ensure!(output.status.success(), "tests/doctor/setup {name} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end()))
}
