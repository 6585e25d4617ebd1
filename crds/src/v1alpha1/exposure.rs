//! `spec.exposure`: how the service is reached from outside.

mod gateway;
mod gke;
mod ingress;

pub use gateway::{GatewayExposure, GkeGatewayExposure, ParentRef};
pub use gke::{GkeClass, GkeExposure, Iap, Logging};
pub use ingress::IngressExposure;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// How the service is reached from outside; exactly one of the ways.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.gke), has(self.gkeGateway), has(self.gateway), has(self.ingress), has(self.none)].filter(way, way).size() == 1")
    .message("exposure takes exactly one of gke, gkeGateway, gateway, ingress and none"))]
pub struct Exposure {
    /// Google Kubernetes Engine: an Ingress of class gce or gce-internal with a BackendConfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gke: Option<GkeExposure>,

    /// GKE Gateway: an HTTPRoute at Gateways of Google's classes with a GCPBackendPolicy and a HealthCheckPolicy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gke_gateway: Option<GkeGatewayExposure>,

    /// Any other implementation of the Gateway API: an HTTPRoute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayExposure>,

    /// Any other Ingress controller. The timeouts and the affinity of well-known classes are set; `annotations` come on top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<IngressExposure>,

    /// Not at all: a Service inside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub none: Option<NoExposure>,
}

/// No exposure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct NoExposure {}
