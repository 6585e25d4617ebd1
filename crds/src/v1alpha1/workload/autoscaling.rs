//! `spec.workload.autoscaling`: the load decides on the number of pods.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// The load decides on the number of pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.minReplicas <= self.maxReplicas").message("minReplicas must not exceed maxReplicas").field_path(".minReplicas"))]
#[x_kube(validation = Rule::new("has(self.connectionsPerReplica) || has(self.cpu) || has(self.memory)")
    .message("autoscaling needs connectionsPerReplica, or at least one of cpu and memory"))]
#[x_kube(validation = Rule::new("!has(self.connectionsPerReplica) || (!has(self.cpu) && !has(self.memory))")
    .message("connectionsPerReplica does not go with cpu or memory: two that decide on the number of pods would fight; keep one of the two")
    .field_path(".connectionsPerReplica"))]
pub struct Autoscaling {
    /// Fewest pods, 1 to 1000. Default 2.
    #[serde(default = "default_min")]
    #[schemars(range(min = 1, max = 1000))]
    pub min_replicas: i32,

    /// Most pods, 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: i32,

    /// Open connections of a pod, on average, 1 to 1000000. With more the operator adds pods at once; with fewer it takes one away at a
    /// time, after minutes of calm. Not together with cpu or memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_per_replica: Option<i32>,

    /// Share of the requested CPU that pods use on average, in percent, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub cpu: Option<i32>,

    /// Share of the requested memory that pods use on average, in percent, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub memory: Option<i32>,
}

const fn default_min() -> i32 {
    2
}
