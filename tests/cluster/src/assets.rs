//! The programs that the cluster consists of: scripts beside this crate build them, once.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::Command,
};

/// Kubernetes and etcd.
pub(crate) async fn build(progress: impl FnMut(&str)) -> Result<PathBuf> {
    run("build", progress).await.context("failed to build the control plane")
}

/// What nodes need besides.
pub(crate) async fn build_node_tools(progress: impl FnMut(&str)) -> Result<PathBuf> {
    run("node/build", progress).await.context("failed to build the tools of nodes")
}

/// Gives the folder that the script prints.
async fn run(script: &str, mut progress: impl FnMut(&str)) -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
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
    while let Some(line) = lines.next_line().await.context("failed to read its progress")? {
        progress(&line);
        last = line;
    }
    let mut folder = String::new();
    stdout.read_to_string(&mut folder).await.context("failed to read its result")?;
    let status = build.wait().await.context("failed to wait for its end")?;
    if !status.success() {
        bail!("{status}: {last}");
    }
    Ok(PathBuf::from(folder.trim_end()))
}
