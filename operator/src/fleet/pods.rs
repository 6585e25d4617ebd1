//! The watch on the pods of all services; of each pod only what is needed to ask it is kept.

use std::{collections::HashSet, net::IpAddr};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1 as core;
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};

use tokio::sync::watch;

use super::{Fleet, Report, ServiceKey, cost};
use crate::{
    metrics::{Metrics, Watched},
    plan::{LABEL_INSTANCE, LABEL_MANAGED_BY, MANAGER},
    watches::{PAGE, Patience},
};

/// A pod that serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    /// Its `metadata.uid`.
    pub uid: String,
    /// Its address.
    pub address: IpAddr,
    /// Whether it is on its way out.
    pub leaving: bool,
    /// What it costs to take it away, as its annotation has it.
    pub cost: Option<i32>,
    /// What it last reported; none while it has not answered.
    pub report: Option<Report>,
    /// How often in a row it did not answer.
    pub misses: u32,
}

/// Where a pod stands in the fleet: its service and its own name.
type Place = (ServiceKey, String);

fn read(pod: &core::Pod) -> Option<(Place, Option<Pod>)> {
    let meta = &pod.metadata;
    let service = meta.labels.as_ref()?.get(LABEL_INSTANCE)?;
    let place = ((meta.namespace.clone()?, service.clone()), meta.name.clone()?);
    let status = pod.status.as_ref();
    let ended =
        status.and_then(|status| status.phase.as_deref()).is_some_and(|phase| matches!(phase, "Succeeded" | "Failed"));
    let address = status.and_then(|status| status.pod_ip.as_deref()).and_then(|ip| ip.parse().ok());
    let pod = address.filter(|_| !ended).map(|address| Pod {
        uid: meta.uid.clone().unwrap_or_default(),
        address,
        leaving: meta.deletion_timestamp.is_some(),
        cost: meta.annotations.as_ref().and_then(|all| all.get(cost::ANNOTATION)).and_then(|cost| cost.parse().ok()),
        report: None,
        misses: 0,
    });
    Some((place, pod))
}

impl Fleet {
    /// Takes in a pod; true when the service has other pods now.
    fn put(&self, (service, name): Place, pod: Option<Pod>) -> bool {
        let mut fleet = self.lock();
        let Some(mut pod) = pod else {
            let Some(team) = fleet.get_mut(&service) else { return false };
            let was_there = team.pods.remove(&name).is_some();
            if team.pods.is_empty() {
                fleet.remove(&service);
            }
            return was_there;
        };
        let pods = &mut fleet.entry(service).or_default().pods;
        let known = pods.get(&name).filter(|known| known.uid == pod.uid && known.address == pod.address);
        if let Some(known) = known {
            pod.report.clone_from(&known.report);
            pod.misses = known.misses;
        }
        if known == Some(&pod) {
            return false;
        }
        pods.insert(name, pod);
        true
    }

    fn keep_only(&self, namespace: Option<&str>, listed: &HashSet<Place>) -> Vec<ServiceKey> {
        let gone: Vec<Place> = {
            let fleet = self.lock();
            let all = fleet
                .iter()
                .flat_map(|(service, team)| team.pods.keys().map(move |name| (service.clone(), name.clone())));
            all.filter(|place| namespace.is_none_or(|only| only == place.0.0) && !listed.contains(place)).collect()
        };
        gone.into_iter().filter(|place| self.put(place.clone(), None)).map(|(service, _)| service).collect()
    }
}

/// Follows the pods of one scope until dropped; `changed` is told of each service whose pods changed.
pub(crate) async fn follow(
    client: Client,
    namespace: Option<String>,
    fleet: &Fleet,
    synced: watch::Sender<bool>,
    metrics: &Metrics,
    changed: impl Fn(&ServiceKey),
) {
    let api: Api<core::Pod> = match &namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let ours = watcher::Config::default().labels(&format!("{LABEL_MANAGED_BY}={MANAGER}")).page_size(PAGE);
    let mut events = watcher(api, ours).backoff(Patience::default()).boxed();
    metrics.watching(Watched::Pods);
    let mut listed = HashSet::new();
    loop {
        let (place, pod) = match events.try_next().await {
            Ok(Some(Event::Init)) => {
                listed.clear();
                continue;
            }
            Ok(Some(Event::InitDone)) => {
                fleet.keep_only(namespace.as_deref(), &listed).iter().for_each(&changed);
                synced.send_replace(true);
                continue;
            }
            Ok(Some(Event::InitApply(pod))) => {
                let Some((place, pod)) = read(&pod) else { continue };
                listed.insert(place.clone());
                (place, pod)
            }
            Ok(Some(Event::Apply(pod))) => match read(&pod) {
                Some(read) => read,
                None => continue,
            },
            Ok(Some(Event::Delete(pod))) => match read(&pod) {
                Some((place, _)) => (place, None),
                None => continue,
            },
            Ok(None) => return,
            Err(error) => {
                metrics.interrupted(Watched::Pods);
                tracing::warn!(kind = "Pod", %error, "watch interrupted, trying again");
                continue;
            }
        };
        if fleet.put(place.clone(), pod) {
            changed(&place.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, uid: &str, ip: &str, phase: &str) -> core::Pod {
        serde_json::from_value(json!({"metadata": {"name": name, "namespace": "ns", "uid": uid,
            "labels": {LABEL_INSTANCE: "chat"}}, "status": {"podIP": ip, "phase": phase}}))
        .expect("a pod")
    }

    fn put(fleet: &Fleet, pod: &core::Pod) -> bool {
        let (place, pod) = read(pod).expect("a pod of a service");
        fleet.put(place, pod)
    }

    #[test]
    fn a_report_outlives_a_change_of_the_pod_but_not_the_pod() {
        let fleet = Fleet::default();
        assert!(put(&fleet, &pod("a", "1", "10.0.0.1", "Running")));
        let key = ("ns".to_owned(), "chat".to_owned());
        let report = Report { generation: Some(3), ..Report::default() };
        fleet.lock().get_mut(&key).expect("known").pods.get_mut("a").expect("known").report = Some(report);
        assert!(!put(&fleet, &pod("a", "1", "10.0.0.1", "Running")), "nothing changed");
        assert!(fleet.of("ns", "chat", 3)["a"].report.is_some());
        assert!(put(&fleet, &pod("a", "2", "10.0.0.1", "Running")), "another pod of that name");
        assert!(fleet.of("ns", "chat", 3)["a"].report.is_none());
    }

    #[test]
    fn a_pod_that_ended_or_was_not_listed_again_is_not_asked() {
        let fleet = Fleet::default();
        put(&fleet, &pod("a", "1", "10.0.0.1", "Running"));
        put(&fleet, &pod("b", "2", "10.0.0.2", "Running"));
        assert!(put(&fleet, &pod("a", "1", "10.0.0.1", "Failed")));
        assert_eq!(fleet.of("ns", "chat", 3).len(), 1);
        assert_eq!(fleet.keep_only(None, &HashSet::new()).len(), 1);
        assert!(fleet.of("ns", "chat", 3).is_empty());
    }
}
