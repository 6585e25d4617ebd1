//! Where the URL is: given once, or in a file that is read again when it changes.

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::problem::{Problem, Reason};

/// Where the URL of Redis and the certificate of its authority are.
#[derive(Clone)]
pub struct Source {
    url: Url,
    authority: Option<PathBuf>,
}

#[derive(Clone)]
enum Url {
    Given(String),
    File(PathBuf),
}

/// What tells one version from another.
pub(crate) type Stamp = Vec<Option<(u64, u64, i64, i64)>>;

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL holds a password.
        f.debug_struct("Source").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Source {
    /// A URL that does not change.
    #[must_use]
    pub fn given(url: impl Into<String>) -> Self {
        Self { url: Url::Given(url.into()), authority: None }
    }

    /// A file that holds the URL.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { url: Url::File(path.into()), authority: None }
    }

    /// Trusts the authorities of this file, in PEM format, and no others.
    #[must_use]
    pub fn trusting(self, authority: Option<PathBuf>) -> Self {
        Self { authority, ..self }
    }

    /// The URL, and the authority's certificate.
    pub(crate) fn read(&self) -> Result<(String, Option<Vec<u8>>), Problem> {
        let no_url = |error: std::io::Error, path: &Path| {
            Problem::new(Reason::NoUrl, format!("{} cannot be read: {error}", path.display()))
        };
        let url = match &self.url {
            Url::Given(url) => url.clone(),
            Url::File(path) => fs::read_to_string(path).map_err(|error| no_url(error, path))?,
        };
        let authority = self.authority.as_ref().map(|path| fs::read(path).map_err(|error| no_url(error, path)));
        Ok((url.trim().to_owned(), authority.transpose()?))
    }

    /// The version that is there now.
    pub(crate) fn stamp(&self) -> Stamp {
        let stamp = |path: &PathBuf| fs::metadata(path).ok().map(|m| (m.ino(), m.size(), m.mtime(), m.mtime_nsec()));
        let url = match &self.url {
            Url::Given(_) => None,
            Url::File(path) => stamp(path),
        };
        vec![url, self.authority.as_ref().and_then(stamp)]
    }
}
