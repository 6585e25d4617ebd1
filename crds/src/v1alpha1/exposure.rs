//! `spec.exposure`: how the service is reached from outside.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the service is reached from outside; exactly one of the ways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.gke), has(self.ingress), has(self.none)].filter(way, way).size() == 1")
    .message("exposure takes exactly one of gke, ingress and none"))]
pub struct Exposure {
    /// Google Kubernetes Engine: an Ingress of class gce or gce-internal with a BackendConfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gke: Option<GkeExposure>,

    /// Any other Ingress controller. Its timeouts are set by annotations of its own, which go to `annotations`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<IngressExposure>,

    /// Not at all: a Service inside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub none: Option<NoExposure>,
}

/// Google's HTTP(S) load balancer through an Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GkeExposure {
    /// gce for the external load balancer, gce-internal for the internal one. Default gce.
    #[serde(default)]
    pub class: GkeClass,

    /// Name of a kubernetes.io/tls Secret with the certificate of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub tls_secret_name: Option<String>,
}

/// The class of a GKE Ingress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GkeClass {
    /// The external load balancer.
    #[default]
    Gce,
    /// The internal load balancer.
    GceInternal,
}

impl GkeClass {
    /// The value of the annotation `kubernetes.io/ingress.class`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gce => "gce",
            Self::GceInternal => "gce-internal",
        }
    }
}

/// Any other Ingress controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngressExposure {
    /// Name of the IngressClass. Default: the cluster's default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,

    /// Annotations for the Ingress, e.g. the controller's own timeouts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub annotations: BTreeMap<String, String>,

    /// Name of a kubernetes.io/tls Secret with the certificate of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub tls_secret_name: Option<String>,
}

/// No exposure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct NoExposure {}
