//! How much memory there is, and how much of it is used. A process beyond the limit of its cgroup is killed together with all its
//! connections; one that refuses new ones in time keeps those that it has.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time;

use crate::metrics::Metrics;

/// Of the limit; above it no new session is opened.
const SHORT: f64 = 0.9;
/// How often to look.
const INTERVAL: Duration = Duration::from_millis(500);
/// Pages are what the kernel counts in.
const PAGE: u64 = 4096;
/// What cgroup v1 gives as "no limit" is the largest number of whole pages.
const NO_LIMIT: u64 = 1 << 60;

/// What the options say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// The cgroup's, if it has one.
    Cgroup,
    /// So many bytes for this process.
    Bytes(u64),
    /// None.
    None,
}

/// Watches the memory.
#[derive(Debug)]
pub struct Memory {
    source: Source,
    limit: u64,
    is_short: AtomicBool,
}

/// Where the number in use is read.
#[derive(Debug)]
enum Source {
    Process,
    /// The folder of a cgroup of version 2.
    Unified(PathBuf),
    /// The folder of a memory cgroup of version 1.
    Legacy(PathBuf),
}

impl Memory {
    /// What there is to watch; none without a limit.
    #[must_use]
    pub fn open(limit: MemoryLimit) -> Option<Self> {
        let (source, limit) = match limit {
            MemoryLimit::None => return None,
            MemoryLimit::Bytes(bytes) => (Source::Process, bytes),
            MemoryLimit::Cgroup => cgroup(Path::new("/sys/fs/cgroup"), &fs::read_to_string("/proc/self/cgroup").ok()?)?,
        };
        Some(Self { source, limit, is_short: AtomicBool::new(false) })
    }

    /// The limit in bytes.
    #[must_use]
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether new sessions have to wait.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.is_short.load(Ordering::Relaxed)
    }

    /// Looks at it for as long as the process runs.
    pub async fn watch(self: Arc<Self>, metrics: Arc<Metrics>) {
        let mut ticks = time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(used) = self.source.used() else { continue };
            metrics.memory.set(i64::try_from(used).unwrap_or(i64::MAX));
            let is_short = used as f64 > self.limit as f64 * SHORT;
            if self.is_short.swap(is_short, Ordering::Relaxed) != is_short {
                tracing::warn!(
                    used,
                    limit = self.limit,
                    is_short,
                    "memory: new connections are {}",
                    if is_short { "refused" } else { "accepted again" }
                );
            }
        }
    }
}

impl Source {
    fn used(&self) -> Option<u64> {
        match self {
            Self::Process => {
                let statm = fs::read_to_string("/proc/self/statm").ok()?;
                Some(statm.split_whitespace().nth(1)?.parse::<u64>().ok()? * PAGE)
            }
            // Pages of files are given back before anybody is killed.
            Self::Unified(folder) => Some(
                number(&folder.join("memory.current"))?
                    .saturating_sub(line(&folder.join("memory.stat"), "inactive_file")?),
            ),
            Self::Legacy(folder) => Some(
                number(&folder.join("memory.usage_in_bytes"))?
                    .saturating_sub(line(&folder.join("memory.stat"), "total_inactive_file")?),
            ),
        }
    }
}

/// The cgroup with the tightest limit of those that this process is in. In a container the root is its own; on a node it is the path that
/// the kernel tells, and a limit may be on any folder above.
fn cgroup(root: &Path, told: &str) -> Option<(Source, u64)> {
    let mut found: Vec<(Source, u64)> = Vec::new();
    for entry in told.lines() {
        let mut parts = entry.splitn(3, ':');
        let (controllers, path) = (parts.nth(1)?, parts.next()?);
        let is_unified = controllers.is_empty();
        if !is_unified && !controllers.split(',').any(|controller| controller == "memory") {
            continue;
        }
        let (mount, file) =
            if is_unified { (root.to_owned(), "memory.max") } else { (root.join("memory"), "memory.limit_in_bytes") };
        let own = mount.join(path.trim_start_matches('/'));
        for folder in own.ancestors().take_while(|folder| folder.starts_with(&mount)) {
            let Some(limit) = number(&folder.join(file)).filter(|limit| *limit < NO_LIMIT) else { continue };
            let folder = folder.to_owned();
            found.push((if is_unified { Source::Unified(folder) } else { Source::Legacy(folder) }, limit));
        }
    }
    found.into_iter().min_by_key(|(_, limit)| *limit)
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn line(file: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(file: PathBuf, text: &str) {
        fs::create_dir_all(file.parent().expect("a folder")).expect("created");
        fs::write(file, text).expect("written");
    }

    #[test]
    fn the_tightest_limit_of_a_unified_hierarchy_counts() {
        let root = tempfile::tempdir().expect("a folder");
        let pod = root.path().join("kubepods/pod");
        write(pod.join("memory.max"), "1000\n");
        write(pod.join("memory.current"), "900\n");
        write(pod.join("memory.stat"), "anon 1\ninactive_file 300\nactive_file 7\n");
        write(pod.join("container/memory.max"), "max\n");
        let (source, limit) = cgroup(root.path(), "0::/kubepods/pod/container\n").expect("a limit");
        assert_eq!((source.used(), limit), (Some(600), 1000));
    }

    #[test]
    fn a_container_finds_its_own_limit_at_the_root() {
        let root = tempfile::tempdir().expect("a folder");
        let memory = root.path().join("memory");
        write(memory.join("memory.limit_in_bytes"), "5000\n");
        write(memory.join("memory.usage_in_bytes"), "4000\n");
        write(memory.join("memory.stat"), "cache 9\ninactive_file 1\ntotal_inactive_file 500\n");
        let told = "12:memory:/kubepods/pod/container\n11:cpu,cpuacct:/kubepods\n0::/\n";
        let (source, limit) = cgroup(root.path(), told).expect("a limit");
        assert_eq!((source.used(), limit), (Some(3500), 5000));
    }

    #[test]
    fn no_limit_is_none() {
        let root = tempfile::tempdir().expect("a folder");
        write(root.path().join("memory/memory.limit_in_bytes"), "9223372036854771712\n");
        write(root.path().join("memory.max"), "max\n");
        assert!(cgroup(root.path(), "3:memory:/\n0::/\n").is_none());
        assert!(cgroup(root.path(), "").is_none());
    }

    #[test]
    fn this_process_uses_some_memory() {
        assert!(Source::Process.used().is_some_and(|used| used > 1 << 20));
    }
}
