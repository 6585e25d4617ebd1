//! The control plane's programs: the `build` script beside this crate makes them, once.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::Command,
};

pub(crate) async fn build(mut progress: impl FnMut(&str)) -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("build");
    let mut build = Command::new(&script)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("failed to run {}", script.display()))?;
    let mut stdout = build.stdout.take().expect("stdout is piped");
    let mut lines = BufReader::new(build.stderr.take().expect("stderr is piped")).lines();
    let mut last = String::new();
    while let Some(line) = lines.next_line().await.context("failed to read the build's progress")? {
        progress(&line);
        last = line;
    }
    let mut folder = String::new();
    stdout.read_to_string(&mut folder).await.context("failed to read the build's result")?;
    let status = build.wait().await.context("failed to wait for the build")?;
    if !status.success() {
        bail!("failed to build the control plane ({status}): {last}");
    }
    Ok(PathBuf::from(folder.trim_end()))
}
