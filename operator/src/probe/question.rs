//! PURE: what there is to ask of a service.

use std::{collections::BTreeSet, time::Duration};

use origin_policy::Received;
use realtime_crds::{
    ValidService, Way,
    v1alpha1::{OriginMode, Probe, ProbeVia, Transport},
};
use realtime_doctor::{Target, TargetError, cors::Credentials, target::Foreign};

use crate::observe::Observed;

/// How long a connection or an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The label of a page's host where only a wildcard is allowed.
const LABEL: &str = "realtime-probe";

/// What is asked, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Where clients connect, with the path.
    pub url: String,
    /// The page's origin.
    pub origin: String,
    /// Whether the spec allows it.
    pub is_allowed: bool,
    /// Names of the headers that pages may send.
    pub headers: Vec<String>,
    /// Whether pages send credentials.
    pub credentials: bool,
    /// Whether the service offers each transport.
    pub transports: (bool, bool),
    /// Whether a foreign origin has to be refused.
    pub enforces: bool,
    /// Addresses of the load balancer.
    pub addresses: Vec<String>,
    /// Whether to connect to those and not to the name.
    pub by_address: bool,
    /// The way on which clients come.
    pub exposure: Exposed,
    /// How often it is asked while nothing changes.
    pub every: Option<Duration>,
    /// How long a WebSocket is held open.
    pub hold: Option<Duration>,
}

/// Who shows browsers a certificate, and what sets that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposed {
    /// An Ingress of GKE.
    Gke,
    /// An Ingress of another class.
    Ingress,
    /// The listeners of a Gateway.
    Gateway,
    /// Whatever somebody put before the Service.
    Inside,
}

impl Exposed {
    const fn by(way: &Way) -> Self {
        match way {
            Way::Gke(_) => Self::Gke,
            Way::Ingress(_) => Self::Ingress,
            Way::GkeGateway(_) | Way::Gateway(_) => Self::Gateway,
            Way::Inside => Self::Inside,
        }
    }

    /// The line of the spec that brings a certificate.
    #[must_use]
    pub const fn certificate(self) -> Option<&'static str> {
        match self {
            Self::Gke => Some("spec.exposure.gke.managedCertificate: true"),
            Self::Ingress => Some("spec.exposure.ingress.tlsSecretName: NAME"),
            Self::Gateway | Self::Inside => None,
        }
    }
}

/// The question of a service.
pub(super) fn of(service: &ValidService, probe: &Probe, observed: &Observed) -> Question {
    let spec = service.spec();
    let offers = |transport| spec.transports.contains(&transport);
    let origin = probe.origin.clone().unwrap_or_else(|| page(service));
    Question {
        url: observed.url.clone(),
        is_allowed: service.origins().decide(Received::from(origin.as_str())).is_allowed(),
        origin,
        headers: service.origins().allowed_headers().to_vec(),
        credentials: spec.origins.credentials,
        transports: (offers(Transport::Websocket), offers(Transport::Polling)),
        enforces: spec.origins.mode == OriginMode::Enforce,
        addresses: observed.addresses.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
        by_address: probe.via == ProbeVia::LoadBalancer,
        exposure: Exposed::by(service.way()),
        every: probe.every.map(|every| every.get()),
        hold: probe.hold.map(|hold| hold.get()),
    }
}

/// The first origin that is allowed by name; where there are wildcards alone, one below the first.
fn page(service: &ValidService) -> String {
    let patterns = service.origins().patterns();
    let exact = patterns.iter().find(|pattern| !pattern.is_wildcard());
    match exact.or(patterns.first()) {
        Some(pattern) => pattern.as_str().replacen('*', LABEL, 1),
        None => unreachable!("a policy without an origin is refused"),
    }
}

impl Question {
    /// What the doctor climbs.
    ///
    /// # Errors
    /// When it is nothing that a browser would take.
    pub fn target(&self, connect_to: Option<&str>, hold: Option<Duration>) -> Result<Target, TargetError> {
        let target = Target::new(&self.url, &self.origin)?;
        // Pages cannot set every header that a list may name.
        let settable: Vec<_> =
            self.headers.iter().filter(|name| target.clone().headers(&[(*name).clone()]).is_ok()).cloned().collect();
        let mut target = target.headers(&settable)?;
        target.credentials = if self.credentials { Credentials::Include } else { Credentials::Omit };
        (target.websocket, target.polling) = self.transports;
        target.foreign = if self.enforces { Foreign::Fail } else { Foreign::Warn };
        target.timeout = PATIENCE;
        target.hold = hold;
        match connect_to {
            Some(address) => target.connect_to(&format!("{}:{}", bracketed(address), self.port())),
            None => Ok(target),
        }
    }

    /// The first address of the load balancer.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.addresses.first().map(String::as_str)
    }

    /// The name that clients resolve.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }

    /// The port that clients connect to.
    #[must_use]
    pub fn port(&self) -> u16 {
        if self.url.starts_with("https://") { 443 } else { 80 }
    }
}

fn bracketed(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

#[cfg(test)]
mod tests {
    use realtime_crds::manifest;
    use serde_json::{Value, json};

    use super::*;

    fn asked(spec: &Value) -> Question {
        let mut document = json!({"apiVersion": manifest::API_VERSION, "kind": "RealtimeService", "metadata": {"name": "chat"},
            "spec": {"host": "a.com", "origins": {"allow": ["https://*.b.com", "https://b.com"]}, "probe": {}}});
        for (name, value) in spec.as_object().expect("fields") {
            document["spec"][name] = value.clone();
        }
        let service = ValidService::new(&manifest::one(&document).expect("valid")).expect("valid");
        let observed = Observed {
            url: "https://a.com/socket.io".to_owned(),
            addresses: vec!["2001:db8::1".to_owned()],
            ..Observed::default()
        };
        of(&service, service.spec().probe.as_ref().expect("a probe"), &observed)
    }

    #[test]
    fn the_page_is_the_first_that_is_allowed_by_name() {
        assert_eq!(asked(&json!({})).origin, "https://b.com");
        assert_eq!(asked(&json!({"probe": {"origin": "https://c.com"}})).origin, "https://c.com");
        let wild = asked(&json!({"origins": {"allow": ["https://*.b.com"]}}));
        assert_eq!(wild.origin, "https://realtime-probe.b.com");
    }

    #[test]
    fn the_target_is_what_a_page_of_this_service_does() {
        let spec = json!({"transports": ["websocket"], "origins": {"allow": ["https://b.com"], "credentials": true, "mode": "Report",
            "allowedHeaders": ["Authorization", "X-Tenant"]}});
        let target = asked(&spec).target(Some("2001:db8::1"), None).expect("a target");
        assert_eq!(target.connect_to.as_deref(), Some("[2001:db8::1]:443"));
        assert_eq!(target.header_names(), ["authorization", "x-tenant"]);
        assert_eq!((target.credentials, target.foreign), (Credentials::Include, Foreign::Warn));
        assert!(target.websocket && !target.polling && target.hold.is_none());
        assert_eq!(asked(&json!({})).target(None, None).expect("a target").foreign, Foreign::Fail);
    }

    #[test]
    fn a_header_that_pages_cannot_set_is_not_asked_for() {
        let headers = vec!["Authorization".to_owned(), "Date".to_owned()];
        let target = Question { headers, ..asked(&json!({})) }.target(None, None).expect("a target");
        assert_eq!(target.header_names(), ["authorization"]);
    }
}
