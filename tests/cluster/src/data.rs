//! The folder with everything that a cluster writes. A process that was killed cannot remove its own, so the next one does.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use tempfile::TempDir;

const PREFIX: &str = "realtime-operator-cluster-";
const LOCK: &str = "lock";

/// A temporary folder, with a lock in it that the system releases when this process ends.
#[derive(Debug)]
pub(crate) struct Data {
    folder: TempDir,
    _lock: File,
}

impl Data {
    pub(crate) fn create() -> io::Result<Self> {
        sweep(&std::env::temp_dir());
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        // Under its final name only once it is locked: a sweep takes an unlocked one for abandoned.
        let unlocked = folder.path().join("lock.new");
        let lock = File::create(&unlocked)?;
        lock.lock()?;
        fs::rename(&unlocked, folder.path().join(LOCK))?;
        Ok(Self { folder, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn remove(self) -> io::Result<()> {
        self.folder.close()
    }
}

/// Removes the folders of processes that are gone. What cannot be removed, another user's for example, stays.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        if File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
            tracing::debug!(folder = %entry.path().display(), "removing what an ended process left");
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_removes_what_an_ended_process_left_and_nothing_in_use() {
        let parent = tempfile::tempdir().expect("parent");
        let folder = |name: &str| {
            let path = parent.path().join(format!("{PREFIX}{name}"));
            fs::create_dir(&path).expect("folder");
            path
        };
        let abandoned = folder("abandoned");
        File::create(abandoned.join(LOCK)).expect("lock");
        let used = folder("used");
        let lock = File::create(used.join(LOCK)).expect("lock");
        lock.lock().expect("locked");
        let starting = folder("starting");

        sweep(parent.path());

        assert!(!abandoned.exists());
        assert!(used.exists());
        assert!(starting.exists());
    }
}
