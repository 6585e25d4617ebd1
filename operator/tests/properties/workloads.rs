//! Random pods.

use std::{collections::BTreeMap, sync::LazyLock};

use k8s_openapi::{
    api::core::v1::{Affinity, EnvVar, Toleration, TopologySpreadConstraint},
    apimachinery::pkg::api::resource::Quantity,
};
use proptest::prelude::*;
use realtime_crds::v1alpha1::{Autoscaling, Resources, Workload};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{specs::some_of, templates};

fn typed<T: DeserializeOwned>(stock: Value) -> Vec<T> {
    serde_json::from_value(stock).expect("a stock of this type")
}

static TOLERATIONS: LazyLock<Vec<Toleration>> = LazyLock::new(|| {
    typed(json!([
        {"key": "realtime", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "arch", "operator": "Equal", "value": "arm64", "effect": "NoExecute", "tolerationSeconds": 60},
    ]))
});

static AFFINITIES: LazyLock<Vec<Affinity>> = LazyLock::new(|| {
    typed(json!([
        {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"team": "a"}}}]}},
        {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {
            "matchExpressions": [{"key": "arch", "operator": "In", "values": ["arm64", "amd64"]}]}}]}},
    ]))
});

static SPREADS: LazyLock<Vec<TopologySpreadConstraint>> = LazyLock::new(|| {
    typed(json!([
        {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"},
        {"maxSkew": 2, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"team": "a"}}},
    ]))
});

static ENVIRONMENT: LazyLock<Vec<EnvVar>> = LazyLock::new(|| {
    typed(json!([
        {"name": "RUST_LOG", "value": "info"},
        {"name": "REDIS_URL", "valueFrom": {"secretKeyRef": {"name": "redis", "key": "url"}}},
        {"name": "SHARED", "value": "workload"},
        {"name": "EMPTY"},
    ]))
});

fn map(stock: &[(&str, &str)], bits: u32) -> BTreeMap<String, String> {
    some_of(stock, bits).into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn quantities(bits: u32) -> BTreeMap<String, Quantity> {
    let stock = [("cpu", "250m"), ("memory", "256Mi"), ("ephemeral-storage", "1.5G"), ("example.com/device", "1")];
    map(&stock, bits).into_iter().map(|(name, amount)| (name, Quantity(amount))).collect()
}

/// Connections, or the share of CPU and of memory, of which one at least is there.
fn autoscaling() -> impl Strategy<Value = Option<Autoscaling>> {
    prop::option::weighted(0.3, (1_i32..=1000, 0_i32..=999, 1_i32..=100, 1_i32..=100, 0_u32..4)).prop_map(|drawn| {
        let (min_replicas, more, cpu, memory, which) = drawn?;
        Some(Autoscaling {
            min_replicas,
            max_replicas: (min_replicas + more).min(1000),
            connections_per_replica: (which == 3).then_some(cpu),
            cpu: matches!(which, 0 | 2).then_some(cpu),
            memory: matches!(which, 1 | 2).then_some(memory),
        })
    })
}

/// A workload, and whether its pod template leaves the pod as safe as it was.
pub fn workload() -> impl Strategy<Value = (Workload, bool)> {
    let replicas = prop_oneof![3 => 0_i32..4, 1 => 0_i32..=1000];
    let own = prop_oneof![2 => Just(None), 1 => prop::option::of(0_usize..3).prop_map(Some)];
    (replicas, autoscaling(), own, any::<u32>(), prop::option::of(0_usize..2), templates::template()).prop_map(
        |(replicas, autoscaling, own, bits, affinity, template)| {
            let (pod_template, harmless) = template;
            let part = |at: u32, width: u32| bits >> at & ((1 << width) - 1);
            let paths = ["/healthz", "/", "/a/b~c"];
            let needed = autoscaling
                .as_ref()
                .map_or(0, |scale| u32::from(scale.cpu.is_some()) | u32::from(scale.memory.is_some()) << 1);
            let (requests, limits) = (part(0, 4) | needed, part(4, 4));
            let is_there = part(8, 1) == 1 || needed > 0;
            let workload = Workload {
                image: own.map(|_| "registry.domain-a.com:5000/team-a/chat@sha256:0f1e".to_owned()),
                health_path: own.flatten().map(|path| paths[path].to_owned()),
                replicas,
                autoscaling,
                resources: is_there.then(|| Resources { requests: quantities(requests), limits: quantities(limits) }),
                node_selector: map(&[("kubernetes.io/arch", "arm64"), ("pool", "realtime")], part(9, 2)),
                tolerations: some_of(&TOLERATIONS, part(11, 2)),
                affinity: affinity.map(|which| AFFINITIES[which].clone()),
                topology_spread: (part(13, 1) == 1).then(|| some_of(&SPREADS, part(14, 2))),
                pod_labels: map(&[("team", "a"), ("sidecar.istio.io/inject", "false")], part(16, 2)),
                pod_annotations: map(&[("prometheus.io/scrape", "true"), ("a/b", "c \"d\"")], part(18, 2)),
                env: some_of(&ENVIRONMENT, part(20, 4)),
                priority_class_name: (part(24, 1) == 1).then(|| "user-facing".to_owned()),
                pod_template,
            };
            (workload, harmless)
        },
    )
}
