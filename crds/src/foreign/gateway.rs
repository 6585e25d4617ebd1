//! `gateway.networking.k8s.io/v1` Gateway, of which the operator reads where clients find it. It writes none, so the
//! definition here lets all other fields pass.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A way in that routes can be part of.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "gateway.networking.k8s.io",
    version = "v1",
    kind = "Gateway",
    plural = "gateways",
    shortname = "gtw",
    category = "gateway-api",
    annotation("api-approved.kubernetes.io", "unapproved, cut down to the fields that are set and read"),
    status = "GatewayStatus",
    namespaced,
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct GatewaySpec {
    /// Which implementation it is, e.g. gke-l7-global-external-managed.
    #[schemars(length(min = 1, max = 253))]
    pub gateway_class_name: String,
    /// What it listens for.
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".to_owned()]))]
    pub listeners: Vec<Listener>,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct Listener {
    /// Name; a route's `sectionName`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The host, or a wildcard for its subdomains; every host where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub hostname: Option<String>,
    /// The port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// HTTP, HTTPS, TLS, TCP, UDP or one of the implementation's own.
    #[schemars(length(min = 1, max = 255))]
    pub protocol: String,
}

/// What became of the Gateway. Written by its controller.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct GatewayStatus {
    /// Where clients find it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub addresses: Vec<Address>,
    /// `Accepted`, and `Programmed`: its addresses serve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
}

/// An address of a Gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Address {
    /// IPAddress, Hostname or one of the implementation's own.
    #[serde(default = "ip_address", rename = "type")]
    pub kind: String,
    /// The address.
    #[schemars(length(min = 1, max = 253))]
    pub value: String,
}

fn ip_address() -> String {
    "IPAddress".to_owned()
}
