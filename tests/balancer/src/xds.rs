//! What is to be served → Envoy's resources. Pure, but for the JSON that it is written in.

mod cluster;
mod endpoints;
mod listener;
mod routes;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
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
    pub(crate) folder: &'a Path,
    /// The oldest first.
    pub(crate) frontends: &'a [Frontend],
    pub(crate) members: &'a BTreeMap<BackendId, BTreeSet<SocketAddr>>,
    /// One for each of the frontends' certificates that is used.
    pub(crate) certificates: &'a [Named],
    /// For who asks for no name, or for one that there is no certificate for.
    pub(crate) default_certificate: &'a KeyPair,
}

/// A file of resources of one type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    /// The prefix of the statistics that say which version is in force; certificates have none.
    pub(crate) stat: Option<String>,
    pub(crate) resources: Vec<Value>,
}

/// The files in the order in which they may be written: nothing refers to what is not there yet. Clusters that routes may
/// still name are removed last.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Files {
    pub(crate) endpoints: Vec<File>,
    pub(crate) clusters: File,
    pub(crate) certificates: Vec<File>,
    pub(crate) routes: Vec<File>,
    pub(crate) listeners: File,
}

pub(crate) const CLUSTERS: &str = "clusters.json";
pub(crate) const LISTENERS: &str = "listeners.json";

pub(crate) fn files(input: &Input<'_>) -> Files {
    let backends = backends(input.frontends);
    let none = BTreeSet::new();
    let endpoints = backends.iter().map(|(id, backend)| File {
        path: endpoints_path(input.folder, id),
        stat: Some(format!("cluster.{id}")),
        resources: vec![endpoints::assignment(id, backend, input.members.get(id).unwrap_or(&none))],
    });
    let clusters = backends.iter().map(|(id, backend)| cluster::cluster(id, backend, input.folder));
    let routes = [listener::HTTP, listener::HTTPS].map(|name| File {
        path: routes_path(input.folder, name),
        stat: Some(format!("http.{name}.rds.{name}")),
        resources: vec![routes::configuration(name, input, &backends)],
    });
    Files {
        endpoints: endpoints.collect(),
        clusters: File {
            path: input.folder.join(CLUSTERS),
            stat: Some("cluster_manager.cds".to_owned()),
            resources: clusters.collect(),
        },
        certificates: listener::certificates(input),
        routes: routes.into(),
        listeners: File {
            path: input.folder.join(LISTENERS),
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

fn endpoints_path(folder: &Path, id: &BackendId) -> PathBuf {
    let BackendId { namespace, service, port } = id;
    // No dots in any of them.
    folder.join(format!("endpoints.{namespace}.{service}.{port}.json"))
}

fn routes_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("routes.{name}.json"))
}

/// A source that Envoy watches for files that are moved over it.
pub(crate) fn from_file(path: &Path) -> Value {
    json!({"path_config_source": {"path": path}, "resource_api_version": "V3"})
}

fn duration(duration: std::time::Duration) -> String {
    format!("{}s", duration.as_secs_f64())
}
