//! The last status that was written of each service, for the moment until the watch shows it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use kube::{Resource, ResourceExt};
use realtime_crds::{RealtimeService, RealtimeServiceStatus};

use crate::metrics::Services;

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

    /// Takes in what was answered, unless the watch has shown it already.
    pub(crate) fn remember(&self, service: &RealtimeService, services: &Services) {
        if services.shows(service) {
            return;
        }
        let entry = (version_of(service), service.status.clone().unwrap_or_default());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(service.uid().unwrap_or_default(), entry);
    }

    /// Forgets what the watch shows by now.
    pub(crate) fn shown(&self, service: &impl Resource) {
        let uid = service.meta().uid.as_deref().unwrap_or_default();
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if written.get(uid).is_some_and(|(version, _)| *version <= version_of(service)) {
            written.remove(uid);
        }
    }

    /// Forgets a service that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

fn version_of(service: &impl Resource) -> u64 {
    service.meta().resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn service(version: u64, pods: &str) -> RealtimeService {
        let service = json!({"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService",
            "metadata": {"name": "chat", "namespace": "ns", "uid": "u", "resourceVersion": version.to_string()},
            "spec": {"host": "chat.domain-a.com", "origins": {"allow": ["https://app.domain-b.com"]}},
            "status": {"pods": pods}});
        serde_json::from_value(service).expect("a service")
    }

    #[test]
    fn what_was_written_counts_until_the_watch_shows_it_and_is_kept_no_longer() {
        let (written, services) = (Written::default(), Services::default());
        written.remember(&service(7, "1/1"), &services);
        assert_eq!(written.latest(&service(6, "0/1")).pods.as_deref(), Some("1/1"));
        written.shown(&service(6, "0/1"));
        assert_eq!(written.latest(&service(6, "0/1")).pods.as_deref(), Some("1/1"));
        written.shown(&service(7, "1/1"));
        assert!(written.0.lock().expect("whole").is_empty());
    }

    #[test]
    fn an_answer_that_comes_after_the_watch_has_shown_it_is_not_kept() {
        let (written, services) = (Written::default(), Services::default());
        services.put(&service(7, "1/1"));
        written.remember(&service(7, "1/1"), &services);
        assert!(written.0.lock().expect("whole").is_empty());
    }
}
