//! A manifest on disk. It is polled rather than watched by the kernel: a ConfigMap's `..data` swap, an editor's rename, a bind
//! mount and a network file system all look alike to `stat`, and one `stat` in 100 ms costs nothing measurable.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use realtime_crds::{RealtimeService, ValidService, manifest};
use tokio::{sync::mpsc, time};

use super::{Policy, Source, Update};
use crate::options::Options;

/// A file is read when it looked the same twice, so that half-written ones are not: a change is live after 100–200 ms.
const INTERVAL: Duration = Duration::from_millis(100);

/// A manifest on disk, and which of its resources is meant.
#[derive(Debug)]
pub struct PolicyFile {
    path: PathBuf,
    namespace: Option<String>,
    name: Option<String>,
}

/// What tells one version of a file from another; none while there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(Option<(u64, u64, u64, i64, i64, i64, i64)>);

impl Stamp {
    /// The version that is at this path now.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let of = |m: fs::Metadata| (m.dev(), m.ino(), m.size(), m.mtime(), m.mtime_nsec(), m.ctime(), m.ctime_nsec());
        Self(fs::metadata(path).ok().map(of))
    }
}

impl PolicyFile {
    /// The file that the options name.
    #[must_use]
    pub fn new(path: &Path, options: &Options) -> Self {
        Self { path: path.to_owned(), namespace: options.namespace.clone(), name: options.name.clone() }
    }

    /// The version that is there now.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        Stamp::of(&self.path)
    }

    /// Reads the policy.
    ///
    /// # Errors
    /// All that is wrong with the file.
    pub fn read(&self) -> Result<Policy, Vec<String>> {
        let text = fs::read_to_string(&self.path).map_err(|error| vec![format!("cannot be read: {error}")])?;
        let services = manifest::read(&text).map_err(|problems| words(&problems))?;
        let service = self.choose(&services)?;
        let service = ValidService::new(service).map_err(|problems| words(&problems))?;
        Ok(Policy::new(&service, Source::File))
    }

    fn choose<'s>(&self, services: &'s [RealtimeService]) -> Result<&'s RealtimeService, Vec<String>> {
        let is_meant = |service: &&RealtimeService| {
            let meta = &service.metadata;
            // A file need not name a namespace: what is applied with it decides.
            let in_namespace = self.namespace.is_none() || meta.namespace.is_none() || meta.namespace == self.namespace;
            in_namespace && (self.name.is_none() || meta.name == self.name)
        };
        let meant: Vec<_> = services.iter().filter(is_meant).collect();
        let names = services.iter().map(qualified).collect::<Vec<_>>().join(", ");
        match meant.as_slice() {
            [service] => Ok(service),
            [] => Err(vec![format!("holds no RealtimeService of that name; it holds {names}")]),
            _ => Err(vec![format!("holds several RealtimeServices ({names}): choose one with --name")]),
        }
    }

    /// Sends every later version.
    pub async fn follow(self, mut served: Stamp, updates: mpsc::Sender<Update>) {
        let mut ticks = time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        let mut seen = served;
        loop {
            ticks.tick().await;
            let now = self.stamp();
            if now == served || now != seen {
                seen = now;
                continue;
            }
            served = now;
            let update = match self.read() {
                Ok(policy) => Update::Loaded(Box::new(policy)),
                Err(problems) => Update::Refused(Source::File, problems),
            };
            if updates.send(update).await.is_err() {
                return;
            }
        }
    }
}

fn qualified(service: &RealtimeService) -> String {
    let name = service.metadata.name.as_deref().unwrap_or_default();
    match &service.metadata.namespace {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    }
}

fn words(problems: &[realtime_crds::Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}
