//! The project's own programs and what the clients need, built and installed once for a run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use realtime_tests::program;
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
        let path = once(&FOLDER, program::folder()).await?.join(self.name());
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

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    /// A function of the script has the name of the program that it installs.
    #[tokio::test]
    async fn setup_installs_the_browser_where_there_is_none() {
        let bin = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &str| {
            let file = bin.path().join(name);
            fs::write(&file, format!("#!/bin/bash\n{text}\n")).expect("written");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a program");
        };
        put("dirname", r#"echo "${1%/*}""#);
        put("id", "echo 0");
        put("env", r#"shift; exec "$@""#);
        put("apt-get", r#"echo "$@" >> "${0%/*}/asked""#);
        let mut setup = Command::new("/bin/bash");
        setup.arg(root().join("tests/setup")).arg("chromium").env_clear().env("PATH", bin.path());
        let setup = setup.output().await.expect("bash");
        assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
        let asked = fs::read_to_string(bin.path().join("asked")).expect("apt-get was asked");
        assert!(asked.lines().any(|line| line.starts_with("install") && line.contains(" chromium ")), "{asked}");
    }
}
