//! Resource files, and `-` for standard input.

use std::{
    fmt,
    io::{self, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use realtime_crds::{Problem, RealtimeService, manifest};

/// Reads a file, or standard input for `-`.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).context("failed to read standard input")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("failed to read {}", path.display()))
}

pub(crate) fn text(path: &Path) -> Result<String> {
    String::from_utf8(bytes(path)?).with_context(|| format!("{} is not UTF-8", path.display()))
}

/// The valid RealtimeServices of a file, or all its problems.
pub(crate) fn services(path: &Path) -> Result<Vec<RealtimeService>> {
    services_of(path, &text(path)?)
}

/// The same where the text was read already.
pub(crate) fn services_of(path: &Path, text: &str) -> Result<Vec<RealtimeService>> {
    manifest::read(text).map_err(|problems| Invalid { file: path.to_owned(), problems }.into())
}

/// A file that was read and is no good.
#[derive(Debug)]
pub(crate) struct Invalid {
    file: PathBuf,
    pub(crate) problems: Vec<Problem>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is invalid:", self.file.display())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Invalid {}

/// The one RealtimeService of a file, or the one of this name.
pub(crate) fn service(path: &Path, name: Option<&str>) -> Result<RealtimeService> {
    let services = services(path)?;
    let names: Vec<_> = services.iter().filter_map(|service| service.metadata.name.clone()).collect();
    let mut wanted = services
        .into_iter()
        .filter(|service| name.is_none() || service.metadata.name.as_deref() == name)
        .collect::<Vec<_>>();
    match (wanted.len(), name) {
        (1, _) => Ok(wanted.remove(0)),
        (0, _) => bail!(
            "{} holds no RealtimeService {:?}, but {}",
            path.display(),
            name.unwrap_or_default(),
            names.join(", ")
        ),
        (_, _) => {
            bail!("{} holds several RealtimeServices; say which with --name: {}", path.display(), names.join(", "))
        }
    }
}
