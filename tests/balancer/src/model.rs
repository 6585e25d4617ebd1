//! What is to be served, whoever asked for it: nothing in here knows an Ingress, so that another source of routes
//! translates to the same.

use std::{collections::BTreeMap, fmt, time::Duration};

/// A port of a Service: what a load balancer calls a backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BackendId {
    pub(crate) namespace: String,
    pub(crate) service: String,
    pub(crate) port: i32,
}

impl fmt::Display for BackendId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, service, port } = self;
        write!(f, "{namespace}/{service}/{port}")
    }
}

/// How requests to a backend are treated.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Backend {
    /// The Service's name for the port, by which EndpointSlices name theirs.
    pub(crate) port_name: String,
    /// Longest life of a request or a WebSocket.
    pub(crate) timeout: Option<Duration>,
    /// How long the connections of an endpoint that left live on.
    pub(crate) drain: Option<Duration>,
    pub(crate) affinity: Affinity,
    pub(crate) health_check: Option<HealthCheck>,
    pub(crate) request_headers: Vec<Header>,
    pub(crate) response_headers: Vec<Header>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Affinity {
    None,
    ClientIp,
    Cookie { ttl: Duration },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HealthCheck {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) healthy_threshold: u32,
    pub(crate) unhealthy_threshold: u32,
    /// The port that the endpoint serves on where it is absent.
    pub(crate) port: Option<u16>,
    pub(crate) path: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) name: String,
    /// With Envoy's command operators in it.
    pub(crate) value: String,
}

/// The order is the order of routes: the longest first, and of two of one length the exact one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PathMatch {
    Exact(String),
    /// This path and what lies below it, by whole segments.
    Segments(String),
    /// Whatever begins with this, `/` at its end included.
    Below(String),
}

impl PathMatch {
    pub(crate) fn precedence(&self) -> (usize, bool) {
        match self {
            Self::Exact(path) => (path.len(), true),
            Self::Segments(path) | Self::Below(path) => (path.len(), false),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    pub(crate) path: PathMatch,
    pub(crate) backend: BackendId,
}

/// What plain HTTP gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlainHttp {
    Served,
    Redirected(RedirectCode),
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RedirectCode {
    MovedPermanently,
    Found,
    SeeOther,
    TemporaryRedirect,
    PermanentRedirect,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Certificate {
    /// A key pair that somebody brought.
    Given { names: Vec<String>, chain: String, key: String },
    /// One that the local authority signs, as Google would have another one sign it.
    Issued { names: Vec<String> },
}

impl Certificate {
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::Given { names, .. } | Self::Issued { names } => names,
        }
    }
}

/// What one Ingress asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frontend {
    /// Routes for each host, `*` being any.
    pub(crate) hosts: BTreeMap<String, Vec<Route>>,
    /// For what no host or path is there; a 404 where it is absent.
    pub(crate) default_backend: Option<BackendId>,
    pub(crate) backends: BTreeMap<BackendId, Backend>,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) plain_http: PlainHttp,
}
