//! `spec.exposure.gateway` and `spec.exposure.gkeGateway`: an HTTPRoute of the Gateway API.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{Iap, Logging};

/// An HTTPRoute at Gateways of any implementation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayExposure {
    /// Gateways that the route belongs to.
    #[schemars(length(min = 1, max = 32))]
    pub parent_refs: Vec<ParentRef>,
}

/// An HTTPRoute at Gateways of Google's classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.iap) || has(self.iapClientId)")
    .message("iap needs iapClientId, the OAuth client's id; on GKE Gateway the Secret holds its secret alone")
    .field_path(".iap"))]
pub struct GkeGatewayExposure {
    /// Gateways that the route belongs to, e.g. of class gke-l7-global-external-managed. Certificates and addresses are theirs.
    #[schemars(length(min = 1, max = 32))]
    pub parent_refs: Vec<ParentRef>,

    /// Name of a Google Cloud Armor security policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub security_policy: Option<String>,

    /// Identity-Aware Proxy. It answers preflights itself, so pages on other
    /// sites cannot poll through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iap: Option<Iap>,

    /// Id of the OAuth client for iap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub iap_client_id: Option<String>,

    /// Access logs of the load balancer. Default off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
}

/// A Gateway that takes the route.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// Name of the Gateway.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Namespace of the Gateway; its listener has to allow routes from here. Default: the namespace of the RealtimeService.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,

    /// Name of the listener. Default: every listener that takes the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub section_name: Option<String>,
}
