//! The images, as `make image` builds them.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

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
    BUILT.get_or_try_init(async || build(&file("target/images")).await).await.cloned()
}

/// Builds them into a folder.
///
/// # Errors
/// When they cannot be built.
pub async fn build(folder: &Path) -> Result<[Image; 2]> {
    // What it says is for people: the programs take minutes the first time.
    let mut build = Command::new(file("image/build"));
    build.env("OUT", folder).stdin(Stdio::null()).stdout(Stdio::null());
    ensure!(build.status().await.context("failed to run image/build")?.success(), "failed to build the images");
    let version = env!("CARGO_PKG_VERSION");
    Ok(["realtime-operator", "realtime-server"]
        .map(|name| Image { name: format!("{name}:{version}"), archive: folder.join(format!("{name}-{version}.tar")) }))
}
