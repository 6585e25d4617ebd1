//! `spec.workload`: the pods that serve.

mod autoscaling;
mod foreign;
mod narrow;
mod template;

pub use autoscaling::Autoscaling;
pub(crate) use foreign::QUANTITY as QUANTITY_PATTERN;
pub(crate) use narrow::{LABEL_KEY as LABEL_KEY_PATTERN, LABEL_VALUE as LABEL_VALUE_PATTERN};
pub use template::PodTemplate;

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Affinity, EnvVar, Toleration, TopologySpreadConstraint},
    apimachinery::pkg::api::resource::Quantity,
};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// The pods that serve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.autoscaling) || !has(self.autoscaling.cpu) || (has(self.resources) && has(self.resources.requests) && 'cpu' in self.resources.requests)")
    .message("autoscaling.cpu is a share of what is requested: set resources.requests.cpu, e.g. 250m")
    .field_path(".autoscaling"))]
#[x_kube(validation = Rule::new("!has(self.autoscaling) || !has(self.autoscaling.memory) || (has(self.resources) && has(self.resources.requests) && 'memory' in self.resources.requests)")
    .message("autoscaling.memory is a share of what is requested: set resources.requests.memory, e.g. 256Mi")
    .field_path(".autoscaling"))]
#[x_kube(validation = Rule::new("!has(self.healthPath) || has(self.image)")
    .message("healthPath is for an image of your own; the bundled server has its own")
    .field_path(".healthPath"))]
pub struct Workload {
    /// Image of the server. It listens on port 8080, serves spec.path there, and finds the policy in the file that REALTIME_POLICY_FILE
    /// names and path, origins and timeouts in the environment. Default: the bundled server at the operator's own version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z0-9][-a-zA-Z0-9._/:@]*$')")
        .message("image is a reference such as example.com/team/chat:1.4.2"))]
    pub image: Option<String>,

    /// Path on port 8080 that an image of your own answers with 200 while it takes clients; pods and load balancer ask there.
    /// Default "/ready".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^/[A-Za-z0-9._~/-]*$')").message("healthPath starts with '/', e.g. /healthz"))]
    pub health_path: Option<String>,

    /// Number of pods, 0 to 1000. Where autoscaling is set, that decides instead. Default 1.
    #[serde(default = "default_replicas")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: i32,

    /// Lets the load decide on the number of pods: open connections through the operator itself, CPU and memory through a
    /// HorizontalPodAutoscaler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,

    /// CPU and memory of each pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,

    /// Labels that a node must have for pods to run there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "foreign::labels")]
    pub node_selector: BTreeMap<String, String>,

    /// Taints of nodes that the pods put up with, as in a pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), schema_with = "foreign::tolerations")]
    pub tolerations: Vec<Toleration>,

    /// Which nodes and which neighbours the pods prefer or need, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "foreign::plain::<Affinity>")]
    pub affinity: Option<Affinity>,

    /// How the pods spread over nodes and zones, as topologySpreadConstraints of a pod; a constraint without labelSelector counts
    /// the pods of this service. Default: evenly over zones and nodes as far as possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), schema_with = "foreign::spread")]
    #[x_kube(validation = Rule::new("self.all(a, self.exists_one(b, b.topologyKey == a.topologyKey && b.whenUnsatisfiable == a.whenUnsatisfiable))")
        .message("topologySpread must not hold two constraints of the same topologyKey and whenUnsatisfiable"))]
    pub topology_spread: Option<Vec<TopologySpreadConstraint>>,

    /// Labels for the pods, beside the operator's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[x_kube(validation = Rule::new("self.all(k, !k.startsWith('app.kubernetes.io/') && !k.startsWith('realtime-operator.dev/'))")
        .message("podLabels must not begin with app.kubernetes.io/ or realtime-operator.dev/: the operator sets those"))]
    #[schemars(schema_with = "foreign::labels")]
    pub pod_labels: BTreeMap<String, String>,

    /// Annotations for the pods.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub pod_annotations: BTreeMap<String, String>,

    /// Further environment variables of the server, as in a container. Names that begin with REALTIME_ are the operator's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128), schema_with = "foreign::map_by_name::<EnvVar>")]
    #[x_kube(validation = Rule::new("self.all(v, !v.name.startsWith('REALTIME_'))")
        .message("env must not hold names that begin with REALTIME_: the operator sets those from the spec"))]
    pub env: Vec<EnvVar>,

    /// Name of the PriorityClass of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')")
        .message("priorityClassName is the name of a PriorityClass: lower-case letters, digits, '-' and '.'"))]
    pub priority_class_name: Option<String>,

    /// What no other field says: a pod template that is merged into the operator's last, by the strategic rules of `kubectl patch`:
    /// containers, volumes and environment by name. The server's container is called "server". What would break the service is
    /// refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<PodTemplate>,
}

/// CPU and memory of a container, as Kubernetes quantities.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// What is reserved, e.g. {cpu: 100m, memory: 128Mi}.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "foreign::quantities")]
    pub requests: BTreeMap<String, Quantity>,
    /// What is never exceeded, e.g. {memory: 512Mi}.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "foreign::quantities")]
    pub limits: BTreeMap<String, Quantity>,
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            image: None,
            health_path: None,
            replicas: default_replicas(),
            autoscaling: None,
            resources: None,
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            affinity: None,
            topology_spread: None,
            pod_labels: BTreeMap::new(),
            pod_annotations: BTreeMap::new(),
            env: Vec::new(),
            priority_class_name: None,
            pod_template: None,
        }
    }
}

impl Workload {
    /// The fewest pods that are asked for.
    #[must_use]
    pub fn fewest(&self) -> i32 {
        self.autoscaling.as_ref().map_or(self.replicas, |scale| scale.min_replicas)
    }

    /// The most pods that are asked for.
    #[must_use]
    pub fn most(&self) -> i32 {
        self.autoscaling.as_ref().map_or(self.replicas, |scale| scale.max_replicas)
    }
}

const fn default_replicas() -> i32 {
    1
}
