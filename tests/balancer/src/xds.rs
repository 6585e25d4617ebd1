//! What is to be served → Envoy's resources. Pure, but for the JSON that it is written in.

mod cluster;
mod endpoints;
mod listener;
mod routes;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use serde_json::{Value, json};

use crate::model::{Backend, BackendId, Frontend};

/// Where plain HTTP and HTTPS are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Front {
    pub(crate) address: IpAddr,
    pub(crate) http: u16,
    pub(crate) https: u16,
}

/// A certificate with its key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyPair {
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// A certificate that is chosen by the name that a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) names: Vec<String>,
    pub(crate) pair: KeyPair,
}

/// All that Envoy is to know.
pub(crate) struct Input<'a> {
    pub(crate) front: Front,
    /// The oldest first.
    pub(crate) frontends: &'a [Frontend],
    pub(crate) members: &'a BTreeMap<BackendId, BTreeSet<SocketAddr>>,
    /// One for each of the frontends' certificates that is used.
    pub(crate) certificates: &'a [Named],
    /// For who asks for no name, or for one that there is no certificate for.
    pub(crate) default_certificate: &'a KeyPair,
}

/// What Envoy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Clusters,
    Endpoints,
    Listeners,
    Routes,
    Certificates,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Clusters, Self::Endpoints, Self::Listeners, Self::Routes, Self::Certificates];

    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let wanted = path.strip_prefix("/v3/discovery:")?;
        Self::ALL.into_iter().find(|kind| kind.in_path() == wanted)
    }

    fn in_path(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Endpoints => "endpoints",
            Self::Listeners => "listeners",
            Self::Routes => "routes",
            Self::Certificates => "secrets",
        }
    }

    pub(crate) fn type_url(self) -> &'static str {
        match self {
            Self::Clusters => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoints => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listeners => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Routes => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Self::Certificates => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        }
    }
}

/// All of a kind (then without a name), or one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn all(kind: Kind) -> Self {
        Self { kind, name: String::new() }
    }

    fn one(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

/// A part of the configuration that has a version of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) key: Key,
    /// The prefix of the statistics that say which version is in force; certificates have none.
    pub(crate) stat: Option<String>,
    pub(crate) resources: Vec<Value>,
}

/// The parts in the order in which they may be published: nothing refers to what is not there yet. Clusters that routes may
/// still name are removed last.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parts {
    pub(crate) endpoints: Vec<Part>,
    pub(crate) clusters: Part,
    pub(crate) certificates: Vec<Part>,
    pub(crate) routes: Vec<Part>,
    pub(crate) listeners: Part,
}

pub(crate) fn parts(input: &Input<'_>) -> Parts {
    let backends = backends(input.frontends);
    let none = BTreeSet::new();
    let endpoints = backends.iter().map(|(id, backend)| Part {
        key: Key::one(Kind::Endpoints, id.to_string()),
        stat: Some(format!("cluster.{id}")),
        resources: vec![endpoints::assignment(id, backend, input.members.get(id).unwrap_or(&none))],
    });
    let clusters = backends.iter().map(|(id, backend)| cluster::cluster(id, backend));
    let routes = [listener::HTTP, listener::HTTPS].map(|name| Part {
        key: Key::one(Kind::Routes, name),
        stat: Some(format!("http.{name}.rds.{name}")),
        resources: vec![routes::configuration(name, input, &backends)],
    });
    Parts {
        endpoints: endpoints.collect(),
        clusters: Part {
            key: Key::all(Kind::Clusters),
            stat: Some("cluster_manager.cds".to_owned()),
            resources: clusters.collect(),
        },
        certificates: listener::certificates(input),
        routes: routes.into(),
        listeners: Part {
            key: Key::all(Kind::Listeners),
            stat: Some("listener_manager.lds".to_owned()),
            resources: listener::listeners(input),
        },
    }
}

/// Of two Ingresses that send requests to one port of a Service, both resolved the same settings, unless one of them
/// stands still at its last good configuration: then the older one's hold.
fn backends(frontends: &[Frontend]) -> BTreeMap<&BackendId, &Backend> {
    frontends.iter().rev().flat_map(|frontend| &frontend.backends).collect()
}

/// The cluster that answers questions about the configuration.
pub(crate) const CONFIGURATION: &str = "configuration";

/// Where Envoy asks. The answer waits for news; these are the pause before the next question, and its patience.
pub(crate) fn source() -> Value {
    json!({
        "resource_api_version": "V3",
        "api_config_source": {
            "api_type": "REST",
            "transport_api_version": "V3",
            "cluster_names": [CONFIGURATION],
            "refresh_delay": "0.005s",
            "request_timeout": "86400s",
        },
    })
}

fn duration(duration: std::time::Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}
