//! The project's own programs and what the clients need, built and installed once for a run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use tokio::{process::Command, sync::OnceCell};

/// The project's own programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// `kubectl-realtime`
    Cli,
    /// `realtime-operator`
    Operator,
    /// `realtime-server`
    Server,
}

impl Program {
    /// Its file name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cli => "kubectl-realtime",
            Self::Operator => "realtime-operator",
            Self::Server => "realtime-server",
        }
    }

    /// Its file, built if it is not there or not current.
    ///
    /// # Errors
    /// When it cannot be built.
    pub async fn path(self) -> Result<PathBuf> {
        static FOLDER: OnceCell<Result<PathBuf>> = OnceCell::const_new();
        let path = once(&FOLDER, build()).await?.join(self.name());
        ensure!(path.exists(), "cargo built it, and {} is not there", path.display());
        Ok(path)
    }
}

/// The root of the repository.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The folder of the clients, installed together with the browser if one of them is missing.
///
/// # Errors
/// When they cannot be installed.
pub async fn clients() -> Result<PathBuf> {
    static INSTALLED: OnceCell<Result<PathBuf>> = OnceCell::const_new();
    let install = async {
        let setup = Command::new(root().join("tests/setup")).args(["clients", "chromium"]).output().await;
        let setup = setup.context("failed to run tests/setup")?;
        ensure!(setup.status.success(), "tests/setup failed:\n{}", String::from_utf8_lossy(&setup.stderr));
        Ok(root().join("tests/clients"))
    };
    once(&INSTALLED, install).await
}

/// What failed for one test is not tried again by the next.
async fn once(cell: &OnceCell<Result<PathBuf>>, make: impl Future<Output = Result<PathBuf>>) -> Result<PathBuf> {
    match cell.get_or_init(|| make).await {
        Ok(path) => Ok(path.clone()),
        Err(error) => bail!("{error:#}"),
    }
}

/// Cargo builds programs for the tests of their own package only.
async fn build() -> Result<PathBuf> {
    let this = std::env::current_exe().context("failed to find this test's own file")?;
    // …/target/debug/deps/ladder-0123456789abcdef
    let folder = this.ancestors().nth(2).context("this test is in no target folder")?;
    let target = folder.parent().context("this test is in no target folder")?;
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--workspace", "--bins", "--target-dir"]).arg(target).current_dir(root());
    // What cargo told this test, build scripts would take for a change.
    let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"];
    let of_cargo = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in of_cargo.filter(|name| told.iter().any(|begin| name.starts_with(begin))) {
        cargo.env_remove(name);
    }
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let built = cargo.output().await.context("failed to run cargo")?;
    ensure!(built.status.success(), "failed to build the programs:\n{}", String::from_utf8_lossy(&built.stderr));
    Ok(folder.to_owned())
}
