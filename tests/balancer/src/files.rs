//! Writes what Envoy watches: whole files, moved into place, and only those that say something new.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::xds::File;

/// What was written last, to each file.
#[derive(Debug, Default)]
pub(crate) struct Written {
    files: BTreeMap<PathBuf, (u64, Vec<Value>)>,
    last_version: u64,
}

impl Written {
    /// Writes the file if it says something new, and returns the version that is there then.
    pub(crate) fn write(&mut self, file: &File) -> io::Result<String> {
        if let Some((version, _)) = self.files.get(&file.path).filter(|(_, resources)| *resources == file.resources) {
            return Ok(version.to_string());
        }
        self.last_version += 1;
        let version = self.last_version;
        let response = json!({"version_info": version.to_string(), "resources": file.resources});
        replace(&file.path, &response)?;
        self.files.insert(file.path.clone(), (version, file.resources.clone()));
        Ok(version.to_string())
    }

    /// The next write says it again, whatever it says.
    pub(crate) fn forget(&mut self, path: &Path) {
        self.files.remove(path);
    }

    pub(crate) fn resources(&self, path: &Path) -> &[Value] {
        self.files.get(path).map(|(_, resources)| resources.as_slice()).unwrap_or_default()
    }

    /// Removes the files that are not in `kept`.
    pub(crate) fn keep(&mut self, kept: &[PathBuf]) -> io::Result<()> {
        let gone: Vec<_> = self.files.keys().filter(|path| !kept.contains(path)).cloned().collect();
        for path in gone {
            fs::remove_file(&path)?;
            self.files.remove(&path);
        }
        Ok(())
    }
}

/// Envoy looks at a file when another one is moved over it, never at one that is being written.
pub(crate) fn replace(path: &Path, content: &Value) -> io::Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, content.to_string())?;
    fs::rename(&part, path)
}
