//! The last status that was written of each service, for the moment until the watch shows it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use kube::ResourceExt;
use realtime_crds::{RealtimeService, RealtimeServiceStatus};

#[derive(Default)]
pub(crate) struct Written(Mutex<HashMap<String, (u64, RealtimeServiceStatus)>>);

impl Written {
    /// The newest status that is known: the one of the watch, unless this process has written a later one.
    pub(crate) fn latest(&self, service: &RealtimeService) -> RealtimeServiceStatus {
        let uid = service.uid().unwrap_or_default();
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match written.get(&uid) {
            Some((version, status)) if *version > version_of(service) => status.clone(),
            _ => {
                written.remove(&uid);
                service.status.clone().unwrap_or_default()
            }
        }
    }

    pub(crate) fn remember(&self, service: &RealtimeService) {
        let entry = (version_of(service), service.status.clone().unwrap_or_default());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(service.uid().unwrap_or_default(), entry);
    }

    /// Forgets a service that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

fn version_of(service: &RealtimeService) -> u64 {
    service.resource_version().and_then(|version| version.parse().ok()).unwrap_or(0)
}
