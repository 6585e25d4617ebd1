//! `spec.probe`: the operator connects as a page on another site would.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Duration;

/// The operator connects as a page would, from an allowed origin and from a foreign one, and says in the condition Reachable whether
/// clients get through and where not. It asks once for each change, when Ready is True, and again while something is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// How often it asks besides, 1m to 24h. Default: not at all while nothing changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m') && duration(self) <= duration('24h')").message("every must be between 1m and 24h"))]
    pub every: Option<Duration>,

    /// Origin of the page, e.g. "https://app.domain-b.com". Default: the first entry of origins.allow that is no wildcard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z][a-z0-9+.-]*://[^/*]+$')")
        .message("origin is one origin as browsers send it, scheme://host[:port]: no wildcard, no path and no slash at its end"))]
    pub origin: Option<String>,

    /// Name: connect to the host by its DNS record, and while there is none, to the load balancer's address. LoadBalancer: always to
    /// that address, where the cluster sees other records than browsers do. Default Name.
    #[serde(default)]
    pub via: ProbeVia,

    /// Besides, hold a WebSocket open for this long to see whether anything cuts it, 10s to 24h; a load balancer that kept its default cuts
    /// after 30s. Default: no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10s') && duration(self) <= duration('24h')").message("hold must be between 10s and 24h"))]
    pub hold: Option<Duration>,
}

/// How the probe finds the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProbeVia {
    /// By its name.
    #[default]
    Name,
    /// By the load balancer's address.
    LoadBalancer,
}
