//! The project's own programs, built as the tests themselves were.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use tokio::{process::Command, sync::OnceCell};

/// `realtime-operator`, built if it is not there or not current.
pub async fn operator() -> Result<PathBuf> {
    named("realtime-operator").await
}

/// `realtime-server`, built if it is not there or not current.
pub async fn server() -> Result<PathBuf> {
    named("realtime-server").await
}

async fn named(name: &str) -> Result<PathBuf> {
    let program = folder().await?.join(name);
    ensure!(program.exists(), "cargo built {name}, and {} is not there", program.display());
    Ok(program)
}

/// Names a folder with programs that are to be tried as they are; nothing is built then.
const BUILT_BEFORE: &str = "REALTIME_PROGRAMS";

/// The folder of all programs, built once for this test.
pub async fn folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os(BUILT_BEFORE) {
        return Ok(folder.into());
    }
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    BUILT.get_or_try_init(build).await.cloned()
}

/// Cargo builds programs for the tests of their own package only.
async fn build() -> Result<PathBuf> {
    let this = std::env::current_exe().context("failed to find this test's own file")?;
    // …/target/debug/deps/apiserver-0123456789abcdef, or …/target/debug/realtime-campaign
    let folder = this.parent().context("this test is in no target folder")?;
    let folder = if folder.ends_with("deps") { folder.parent().context("deps is in a folder")? } else { folder };
    let target = folder.parent().context("this test is in no target folder")?;
    let mut cargo = Command::new(env!("CARGO"));
    // The whole workspace, as the tests were built: one package alone has other features, and its dependencies would be built again.
    cargo.args(["build", "--quiet", "--workspace", "--bins", "--target-dir"]).arg(target);
    // What cargo told this test, build scripts would take for a change.
    let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"];
    let of_cargo = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in of_cargo.filter(|name| told.iter().any(|begin| name.starts_with(begin))) {
        cargo.env_remove(name);
    }
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let built = cargo.output().await.context("failed to run cargo")?;
    ensure!(built.status.success(), "failed to build the programs:\n{}", String::from_utf8_lossy(&built.stderr));
    Ok(folder.to_owned())
}
