//! The folder with everything that a load balancer writes. A process that was killed cannot remove its own, so the next one
//! does.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use tempfile::TempDir;

const PREFIX: &str = "realtime-operator-balancer-";
const LOCK: &str = "lock";

/// A temporary folder, with a lock in it that the system releases when this process ends.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: TempDir,
    _lock: File,
}

impl Folder {
    pub(crate) fn create() -> io::Result<Self> {
        Self::create_in(&std::env::temp_dir())
    }

    fn create_in(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
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
}

/// What cannot be removed, another user's for example, stays.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        if File::open(entry.path().join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_removes_what_an_ended_process_left_and_nothing_in_use() -> io::Result<()> {
        let parent = tempfile::tempdir()?;
        let used = Folder::create_in(parent.path())?;
        let abandoned = parent.path().join(format!("{PREFIX}abandoned"));
        let starting = parent.path().join(format!("{PREFIX}starting"));
        fs::create_dir(&abandoned)?;
        fs::create_dir(&starting)?;
        File::create(abandoned.join(LOCK))?;
        let next = Folder::create_in(parent.path())?;
        assert!(!abandoned.exists());
        assert!(used.path().exists() && next.path().exists() && starting.exists());
        Ok(())
    }
}
