//! What a real cluster is made of and this machine may lack: each brought by a script of the repository, which says so while it
//! takes long.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::say;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The programs of the operator and of the bundled server, as images.
pub(super) struct Image {
    /// As a pod names it.
    pub(super) name: String,
    /// The archive.
    pub(super) archive: PathBuf,
}

/// Packages of the node, with apt-get.
pub(super) async fn node() -> Result<()> {
    script("tests/setup", &["node"]).await.map(|_| ())
}

/// The path of helm.
pub(super) async fn helm() -> Result<PathBuf> {
    Ok(script("tests/tools/build", &["helm"]).await?.into())
}

/// The operator's image and the server's.
pub(super) async fn images() -> Result<[Image; 2]> {
    say("building the images; the first time that takes about 10 minutes on 2 cores");
    script("image/build", &[]).await?;
    let image = |program: &str| Image {
        name: format!("{program}:{}", env!("CARGO_PKG_VERSION")),
        archive: root().join(format!("target/images/{program}-{}.tar", env!("CARGO_PKG_VERSION"))),
    };
    Ok([image("realtime-operator"), image("realtime-server")])
}

/// A chart of the repository.
pub(super) fn chart(name: &str) -> PathBuf {
    root().join("charts").join(name)
}

fn root() -> &'static Path {
    Path::new(ROOT)
}

/// Runs a script; what it says meanwhile is for people, what it prints last is its answer.
async fn script(name: &str, arguments: &[&str]) -> Result<String> {
    let path = root().join(name);
    ensure!(path.exists(), "{} is not there: this needs the repository", path.display());
    let mut command = Command::new(&path);
    command.args(arguments).current_dir(root()).stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = command.output().await.with_context(|| format!("failed to run {name}"))?;
    ensure!(output.status.success(), "{name} {} failed", arguments.join(" "));
    let text = String::from_utf8(output.stdout).with_context(|| format!("{name} prints text"))?;
    Ok(text.lines().last().unwrap_or_default().to_owned())
}
