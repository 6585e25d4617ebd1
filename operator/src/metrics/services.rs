//! Which services there are, and what their own status says. Fed by the watch alone, so that after a restart it is complete with
//! the first list, and what is deleted leaves with its event.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use kube::{Resource, ResourceExt};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
};
use realtime_crds::{RealtimeService, conditions::ConditionType};

/// Namespace and name of a service.
type Key = (String, String);

/// All services.
#[derive(Debug, Default)]
pub(crate) struct Services(Mutex<BTreeMap<Key, Entry>>);

#[derive(Debug)]
struct Entry {
    uid: String,
    resource_version: u64,
    conditions: Box<[(&'static str, &'static str)]>,
    connections: Option<i64>,
    denied: Option<i64>,
}

const CONDITIONS: [ConditionType; 11] = [
    ConditionType::Ready,
    ConditionType::Accepted,
    ConditionType::ResolvedRefs,
    ConditionType::Programmed,
    ConditionType::Available,
    ConditionType::OriginPolicySynced,
    ConditionType::BackplaneConnected,
    ConditionType::ScalingActive,
    ConditionType::Reachable,
    ConditionType::Reconciling,
    ConditionType::Stalled,
];

impl Entry {
    fn of(service: &RealtimeService) -> Self {
        let status = service.status.as_ref();
        // Whoever may write a status may write any words; only those that are known become labels.
        let word = |known: &[&'static str], said: &str| known.iter().copied().find(|word| *word == said);
        let types = CONDITIONS.map(ConditionType::as_str);
        let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default().iter();
        let conditions = conditions.filter_map(|condition| {
            Some((word(&types, &condition.type_)?, word(&["True", "False", "Unknown"], &condition.status)?))
        });
        Self {
            uid: service.uid().unwrap_or_default(),
            resource_version: version(service),
            conditions: conditions.collect(),
            connections: status.and_then(|status| status.connections),
            denied: status.and_then(|status| status.denied).map(i64::from),
        }
    }
}

impl Services {
    /// Takes in a service as it is now; gives the uid of an older one of the same name.
    pub(crate) fn put(&self, service: &RealtimeService) -> Option<String> {
        let now = Entry::of(service);
        let uid = now.uid.clone();
        let before = self.lock().insert(key(service), now);
        before.map(|before| before.uid).filter(|before| *before != uid)
    }

    /// Takes out a service that is gone; gives its uid.
    pub(crate) fn delete(&self, key: &Key) -> Option<String> {
        self.lock().remove(key).map(|entry| entry.uid)
    }

    /// After a new list of a scope: takes out whatever was not in it; gives the uids.
    pub(crate) fn keep_only(&self, namespace: Option<&str>, listed: &BTreeSet<Key>) -> Vec<String> {
        let in_scope = |key: &Key| namespace.is_none_or(|only| only == key.0);
        let gone = self.lock().extract_if(.., |key, _| in_scope(key) && !listed.contains(key)).collect::<Vec<_>>();
        gone.into_iter().map(|(_, entry)| entry.uid).collect()
    }

    /// Whether this very service is still there, and not another one by its name.
    pub(crate) fn has(&self, service: &impl Resource) -> bool {
        self.lock().get(&key(service)).is_some_and(|entry| Some(&entry.uid) == service.meta().uid.as_ref())
    }

    /// Whether the watch has shown this service as it is here, or newer.
    pub(crate) fn shows(&self, service: &RealtimeService) -> bool {
        self.lock().get(&key(service)).is_some_and(|entry| entry.resource_version >= version(service))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Entry>> {
        // Each change of the map is complete before anything in it can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn version(service: &RealtimeService) -> u64 {
    service.metadata.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

fn key(service: &impl Resource) -> Key {
    (service.namespace().unwrap_or_default(), service.name_any())
}

impl Collector for Services {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let services = self.lock();
        let number = ConstGauge::new(i64::try_from(services.len()).unwrap_or(i64::MAX));
        let metric = encoder.encode_descriptor(
            "services",
            "RealtimeServices that this operator looks after",
            None,
            MetricType::Gauge,
        )?;
        number.encode(metric)?;
        let conditions = services.iter().flat_map(|(key, entry)| {
            entry.conditions.iter().map(move |(condition, status)| {
                ([("namespace", key.0.as_str()), ("name", &key.1), ("condition", condition), ("status", status)], 1)
            })
        });
        family(&mut encoder, "service_condition", "Conditions of each service; the current status alone", conditions)?;
        let numbers = |read: fn(&Entry) -> Option<i64>| {
            services.iter().filter_map(move |((namespace, name), entry)| {
                Some(([("namespace", namespace.as_str()), ("name", name.as_str())], read(entry)?))
            })
        };
        let help = "Open connections of each service, as its servers report them";
        family(&mut encoder, "service_connections", help, numbers(|entry| entry.connections))?;
        let help = "Different origins that each service denied lately, 10 at the most";
        family(&mut encoder, "service_denied_origins", help, numbers(|entry| entry.denied))
    }
}

/// Writes the series of one gauge; one without any is not there.
fn family<'a, const N: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl Iterator<Item = ([(&'a str, &'a str); N], i64)>,
) -> fmt::Result {
    let mut series = series.peekable();
    if series.peek().is_none() {
        return Ok(());
    }
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    series.try_for_each(|(labels, value)| metric.encode_family(&labels)?.encode_gauge(&value))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prometheus_client::{encoding::text::encode, registry::Registry};
    use serde_json::json;

    use super::*;

    fn service(name: &str, uid: &str, conditions: &[(&str, &str)]) -> RealtimeService {
        let conditions: Vec<_> = conditions
            .iter()
            .map(|(of, status)| {
                json!({"type": of, "status": status, "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"})
            })
            .collect();
        serde_json::from_value(json!({"apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService",
            "metadata": {"name": name, "namespace": "ns", "uid": uid},
            "spec": {"host": "chat.domain-a.com", "origins": {"allow": ["https://app.domain-b.com"]}},
            "status": {"conditions": conditions, "connections": 3, "denied": 1}}))
        .expect("a service")
    }

    fn text(services: &Arc<Services>) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(services)));
        let mut text = String::new();
        encode(&mut text, &registry).expect("encoded");
        text
    }

    #[test]
    fn only_the_current_status_of_a_condition_is_a_series() {
        let services = Arc::new(Services::default());
        assert!(!text(&services).contains("service_condition"), "no service, no series");
        services.put(&service("chat", "1", &[("Ready", "Unknown"), ("Reconciling", "True")]));
        let before = text(&services);
        assert!(
            before.contains(r#"service_condition{namespace="ns",name="chat",condition="Ready",status="Unknown"} 1"#),
            "{before}"
        );
        services.put(&service("chat", "1", &[("Ready", "True")]));
        let after = text(&services);
        assert!(after.contains(r#"condition="Ready",status="True"} 1"#), "{after}");
        assert!(!after.contains("Unknown") && !after.contains("Reconciling"), "{after}");
        assert!(after.contains("service_connections{namespace=\"ns\",name=\"chat\"} 3"), "{after}");
        assert!(after.contains("service_denied_origins{namespace=\"ns\",name=\"chat\"} 1"), "{after}");
        services.delete(&("ns".to_owned(), "chat".to_owned()));
        assert_eq!(text(&services).matches("chat").count(), 0);
    }

    #[test]
    fn words_that_nobody_knows_are_no_labels() {
        let services = Arc::new(Services::default());
        services.put(&service("chat", "1", &[("Ready", "Perhaps"), ("Invented", "True"), ("Accepted", "False")]));
        let text = text(&services);
        assert_eq!(text.matches("service_condition{").count(), 1, "{text}");
    }

    #[test]
    fn whatever_is_gone_is_given_back_by_its_uid() {
        let services = Services::default();
        assert_eq!(services.put(&service("chat", "1", &[])), None);
        assert_eq!(services.put(&service("chat", "1", &[])), None);
        assert_eq!(services.put(&service("chat", "2", &[])).as_deref(), Some("1"), "made anew by the same name");
        assert!(!services.has(&service("chat", "1", &[])) && services.has(&service("chat", "2", &[])));
        services.put(&service("other", "3", &[]));
        let listed = BTreeSet::from([("ns".to_owned(), "other".to_owned())]);
        assert!(services.keep_only(Some("elsewhere"), &BTreeSet::new()).is_empty());
        assert_eq!(services.keep_only(None, &listed), ["2"]);
    }
}
