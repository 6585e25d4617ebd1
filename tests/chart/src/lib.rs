//! What the tests of the charts share: a release on a cluster, and the images.

pub mod images;
pub mod release;

use std::path::{Path, PathBuf};

/// A file of the project.
#[must_use]
pub fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
