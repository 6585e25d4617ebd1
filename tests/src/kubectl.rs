//! The real kubectl.

use std::process::{Output, Stdio};

use anyhow::{Context, Result, ensure};
use tokio::{io::AsyncWriteExt, process::Command};

/// What kubectl said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Whether its exit status was 0.
    pub good: bool,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Standard output, and an error where kubectl failed.
    ///
    /// # Errors
    /// With standard error, when kubectl failed.
    pub fn good(self) -> Result<String> {
        ensure!(self.good, "kubectl failed: {}", self.err.trim());
        Ok(self.out)
    }
}

/// Runs kubectl to its end.
///
/// # Errors
/// When it cannot be run; its own failure is in [`Said::good`].
pub async fn run(kubectl: std::process::Command, args: &[&str], stdin: &str) -> Result<Said> {
    let mut command = Command::from(kubectl);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().context("failed to run kubectl")?;
    let mut input = child.stdin.take().expect("stdin is piped");
    // One that fails early reads nothing.
    let _ = input.write_all(stdin.as_bytes()).await;
    drop(input);
    let Output { status, stdout, stderr } = child.wait_with_output().await.context("failed to wait for kubectl")?;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).context("kubectl said no UTF-8");
    Ok(Said { good: status.success(), out: text(stdout)?, err: text(stderr)? })
}
