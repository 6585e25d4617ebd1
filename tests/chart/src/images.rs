//! The images, as `make image` builds them.

use std::{path::PathBuf, process::Stdio};

use anyhow::{Context, Result, ensure};
use tokio::{process::Command, sync::OnceCell};

use crate::file;

/// An image's archive.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its name as a pod names it.
    pub name: String,
    /// The archive.
    pub archive: PathBuf,
}

/// The operator's and the server's, built once for all tests of this process.
///
/// # Errors
/// When they cannot be built.
pub async fn images() -> Result<[Image; 2]> {
    static BUILT: OnceCell<[Image; 2]> = OnceCell::const_new();
    BUILT.get_or_try_init(build).await.cloned()
}

/// Builds them.
///
/// # Errors
/// When they cannot be built.
pub async fn build() -> Result<[Image; 2]> {
    // What it says is for people: the programs take minutes the first time.
    let built = Command::new(file("image/build")).stdin(Stdio::null()).stdout(Stdio::null()).status().await;
    ensure!(built.context("failed to run image/build")?.success(), "failed to build the images");
    let version = env!("CARGO_PKG_VERSION");
    Ok(["realtime-operator", "realtime-server"].map(|name| Image {
        name: format!("{name}:{version}"),
        archive: file(&format!("target/images/{name}-{version}.tar")),
    }))
}
