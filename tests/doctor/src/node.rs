//! The servers of `tests/clients/broken.mjs`, all in one process.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use realtime_ladder::{Process, process, programs};
use serde_json::Value;

/// The running servers; dropping it ends them.
#[derive(Debug)]
pub struct Node {
    _process: Process,
    ports: BTreeMap<String, u16>,
}

impl Node {
    /// Starts them for a page on this origin.
    ///
    /// # Errors
    /// When they do not start.
    pub async fn start(origin: &str) -> Result<Self> {
        let mut command = process::command("node");
        command.arg(programs::clients().await?.join("broken.mjs")).args(["--origin", origin]);
        let process = Process::start("broken.mjs", command)?;
        let ports = process.line("where they listen", ports).await?;
        Ok(Self { _process: process, ports })
    }

    /// The port of one.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn port(&self, name: &str) -> Result<u16> {
        self.ports.get(name).copied().with_context(|| format!("broken.mjs has no {name}"))
    }

    /// The URL of one.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn url(&self, name: &str) -> Result<String> {
        Ok(format!("http://127.0.0.1:{}", self.port(name)?))
    }
}

fn ports(line: &str) -> Option<BTreeMap<String, u16>> {
    let line: Value = serde_json::from_str(line).ok()?;
    serde_json::from_value(line["ports"].clone()).ok()
}
