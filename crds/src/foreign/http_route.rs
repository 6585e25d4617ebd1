//! `gateway.networking.k8s.io/v1` HTTPRoute, of the standard channel: what leads a host and a path to a Service.
//! The defaults are the ones that the apiserver writes; here they are never left to it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Group of Gateway and HTTPRoute.
pub const GROUP: &str = "gateway.networking.k8s.io";

/// What leads a host and a path to a Service.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "gateway.networking.k8s.io",
    version = "v1",
    kind = "HTTPRoute",
    root = "HttpRoute",
    plural = "httproutes",
    category = "gateway-api",
    annotation("api-approved.kubernetes.io", "unapproved, cut down to the fields that are set and read"),
    status = "HttpRouteStatus",
    namespaced,
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct HttpRouteSpec {
    /// The Gateways that it wants to be part of.
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub parent_refs: Vec<ParentRef>,
    /// The hosts; each has to fit a listener's.
    #[schemars(length(max = 16), inner(length(min = 1, max = 253)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub hostnames: Vec<String>,
    /// What is led where.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub rules: Vec<RouteRule>,
}

/// A Gateway, or one listener of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// API group.
    #[serde(default = "gateway_group")]
    #[schemars(length(max = 253))]
    pub group: String,
    /// Kind.
    #[serde(default = "gateway_kind")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Namespace; the route's own where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Name of one listener; all of them where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub section_name: Option<String>,
    /// Port of the listeners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
}

/// What is led where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteRule {
    /// Requests that it is for: those that fit one of these.
    #[serde(default = "every_path")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub matches: Vec<Match>,
    /// Where they go.
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub backend_refs: Vec<BackendRef>,
    /// How long they may take; up to the implementation where it is absent. In the standard channel since 1.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<Timeouts>,
}

/// Requests that a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Match {
    /// Their path.
    #[serde(default)]
    pub path: PathMatch,
}

/// The path of requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.type == 'RegularExpression' || (self.value.startsWith('/') && !self.value.contains('//'))")
    .message("value must be an absolute path without //"))]
pub struct PathMatch {
    /// How it is compared.
    #[serde(default, rename = "type")]
    pub by: PathMatchType,
    /// The path.
    #[serde(default = "root")]
    #[schemars(length(max = 1024))]
    pub value: String,
}

impl Default for PathMatch {
    fn default() -> Self {
        Self { by: PathMatchType::default(), value: root() }
    }
}

/// How paths are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PathMatchType {
    /// Byte for byte.
    Exact,
    /// By elements: `/a` is for `/a`, `/a/` and `/a/b`, not for `/ab`.
    #[default]
    PathPrefix,
    /// In a dialect of the implementation's choice.
    RegularExpression,
}

/// Where requests go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("size(self.group) > 0 || self.kind != 'Service' || has(self.port)")
    .message("Must have port for Service reference"))]
pub struct BackendRef {
    /// API group; empty for a Service.
    #[serde(default)]
    #[schemars(length(max = 253))]
    pub group: String,
    /// Kind.
    #[serde(default = "service_kind")]
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Port of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
    /// Share among the others.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub weight: i32,
}

impl BackendRef {
    /// A port of a Service.
    #[must_use]
    pub fn service(name: &str, port: i32) -> Self {
        Self { group: String::new(), kind: service_kind(), name: name.to_owned(), port: Some(port), weight: one() }
    }
}

/// How long requests may take, in hours, minutes, seconds and milliseconds: `1h30m`; `0s` is for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.request) && has(self.backendRequest) && duration(self.request) != duration('0s') && duration(self.backendRequest) > duration(self.request))")
    .message("backendRequest timeout cannot be longer than request timeout"))]
pub struct Timeouts {
    /// From the client's request until its answer is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$"))]
    pub request: Option<String>,
    /// The same for each try at a backend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$"))]
    pub backend_request: Option<String>,
}

/// What became of the route. Written by the controllers of its Gateways.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct HttpRouteStatus {
    /// What became of it at each Gateway.
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub parents: Vec<ParentStatus>,
}

/// What became of the route at one Gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParentStatus {
    /// The Gateway.
    pub parent_ref: ParentRef,
    /// The controller that speaks.
    #[schemars(length(min = 1, max = 253))]
    pub controller_name: String,
    /// `Accepted`: it is part of the Gateway. `ResolvedRefs`: its backends exist and may be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".to_owned()]))]
    pub conditions: Vec<Condition>,
}

fn gateway_group() -> String {
    GROUP.to_owned()
}

fn gateway_kind() -> String {
    "Gateway".to_owned()
}

fn service_kind() -> String {
    "Service".to_owned()
}

fn root() -> String {
    "/".to_owned()
}

fn every_path() -> Vec<Match> {
    vec![Match { path: PathMatch::default() }]
}

const fn one() -> i32 {
    1
}
