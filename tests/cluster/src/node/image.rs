//! Images for a node, from files: there is no registry.

use std::{
    fs::File,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};

use crate::wait;

/// Imports all images of an archive, as `docker save` or `buildah push … docker-archive:` write it, or of an OCI one.
pub(super) async fn import(ctr: impl Fn() -> Command, archive: &Path) -> Result<()> {
    let file = File::open(archive).with_context(|| format!("failed to open {}", archive.display()))?;
    let mut import = ctr();
    import.args(["images", "import", "-"]).stdin(file);
    let said = run(import).await.with_context(|| format!("failed to import {}", archive.display()))?;
    // unpacking NAME (DIGEST)...done
    let names: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("unpacking ")?.split(' ').next()).collect();
    ensure!(!names.is_empty(), "{} holds no image with a name", archive.display());
    for name in names {
        wait_until_managed(&ctr, name).await?;
    }
    Ok(())
}

/// containerd's part for Kubernetes hears of new images with a delay, and puts a label on those that it knows.
async fn wait_until_managed(ctr: impl Fn() -> Command, name: &str) -> Result<()> {
    let deadline = Instant::now() + wait::DEADLINE;
    loop {
        let mut list = ctr();
        list.args(["images", "list", &format!("name=={name}")]);
        if run(list).await?.contains("io.cri-containerd.image=managed") {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "containerd does not give {name} to pods");
        tokio::time::sleep(wait::POLL).await;
    }
}

async fn run(command: Command) -> Result<String> {
    let mut command = tokio::process::Command::from(command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = command.spawn()?.wait_with_output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
