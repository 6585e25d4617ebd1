//! PURE: what a well-known Ingress controller has to be told so that it carries long-lived connections.
//!
//! Annotations are all that an Ingress can say, and every controller has its own. A class that is not known gets none,
//! and a note that says what to set. `docs/ingress-classes.md` has the table with its sources.

mod cloud;
mod envoy;
mod family;
mod haproxy;
mod nginx;
mod other;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use family::Family;

/// Seconds that a controller inside the cluster takes to follow an EndpointSlice.
const DETACH_IN_CLUSTER_SEC: u64 = 10;

/// What every controller is asked for, whatever it calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asks<'a> {
    /// Name of the Service that the Ingress leads to.
    pub service: &'a str,
    /// Path of the Ingress, e.g. `/socket.io`.
    pub path: &'a str,
    /// Path that answers 200 while a pod takes clients, e.g. `/ready`.
    pub health_path: &'a str,
    /// Longest time that a connection stays open, in seconds.
    pub timeout_sec: u64,
    /// Longest silence on a connection that is well, in seconds: pingInterval + pingTimeout.
    pub idle_sec: u64,
    /// Seconds over which a pod that has to go moves its connections away.
    pub drain_sec: u64,
    /// Whether a client has to stay on one pod: polling with more than one of them.
    pub sticky: bool,
}

/// How a client stays on one pod. A later one is worth less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Affinity {
    /// It does not have to.
    #[default]
    NotNeeded,
    /// By a hash of the client's address: works from every site and with every client.
    ClientAddress,
    /// By a cookie with `SameSite=None; Secure`: needs https, `origins.credentials` and `withCredentials` in the page.
    CrossSiteCookie,
    /// Not by annotation, or not known.
    Unavailable,
}

/// What an Ingress of a class gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassSettings {
    /// Annotations of the Ingress.
    pub ingress: BTreeMap<String, String>,
    /// Annotations of the Service that the Ingress leads to.
    pub service: BTreeMap<String, String>,
    /// Seconds that the controller takes to follow an EndpointSlice; a pod that has to go serves for as long.
    pub detach_sec: u64,
    /// How a client stays on one pod.
    pub affinity: Affinity,
    /// What cannot be set here, and where it is set: each a whole sentence without its full stop.
    pub notes: Vec<String>,
}

/// What an Ingress of this class gets. The class is known by the controller of its IngressClass, or else by its name.
/// Two controllers share the name `nginx` and two the name `haproxy`: such an Ingress gets what both understand.
#[must_use]
pub fn settings(class_name: Option<&str>, controller: Option<&str>, asks: &Asks<'_>) -> ClassSettings {
    let families = Family::of(class_name, controller);
    let mut settings = ClassSettings { detach_sec: detach_sec(families), ..ClassSettings::default() };
    if families.is_empty() {
        settings.unknown(class_name, asks);
    }
    for family in families {
        match family {
            Family::IngressNginx => nginx::ingress_nginx(asks, &mut settings),
            Family::F5Nginx => nginx::f5(asks, &mut settings),
            Family::HaproxyIngress => haproxy::haproxy_ingress(asks, &mut settings),
            Family::HaproxyTechnologies => haproxy::haproxy_technologies(asks, &mut settings),
            Family::OpenShift => haproxy::openshift(asks, &mut settings),
            Family::Contour => envoy::contour(asks, &mut settings),
            Family::Cilium => envoy::cilium(asks, &mut settings),
            Family::Istio => envoy::istio(asks, &mut settings),
            Family::AwsLoadBalancer => cloud::aws(asks, &mut settings),
            Family::AzureApplicationGateway => cloud::azure(asks, &mut settings),
            Family::Traefik => other::traefik(asks, &mut settings),
            Family::Kong => other::kong(asks, &mut settings),
            Family::Apisix => other::apisix(asks, &mut settings),
        }
    }
    settings
}

/// Seconds that the slowest of these controllers takes to follow an EndpointSlice.
#[must_use]
pub fn detach_sec(families: &[Family]) -> u64 {
    families.iter().map(|family| family.detach_sec()).max().unwrap_or(DETACH_IN_CLUSTER_SEC)
}

impl Asks<'_> {
    /// `3600s`
    fn timeout(&self) -> String {
        format!("{}s", self.timeout_sec)
    }
}

impl ClassSettings {
    fn ingress(&mut self, name: &str, value: impl Into<String>) {
        self.ingress.insert(name.to_owned(), value.into());
    }

    fn service(&mut self, name: &str, value: impl Into<String>) {
        self.service.insert(name.to_owned(), value.into());
    }

    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn sticks_by_address(&mut self) {
        self.affinity = self.affinity.max(Affinity::ClientAddress);
        self.note(
            "polling clients stay on one pod by their address, so the controller has to see it \
             (externalTrafficPolicy: Local, the PROXY protocol or a trusted X-Forwarded-For)",
        );
    }

    fn sticks_by_cookie(&mut self) {
        self.affinity = self.affinity.max(Affinity::CrossSiteCookie);
        self.note(
            "polling clients stay on one pod by a cookie with SameSite=None; Secure, which needs https, \
             spec.origins.credentials: true and withCredentials: true in the page, and which some browsers block; \
             spec.transports: [websocket] needs none of it",
        );
    }

    fn does_not_stick(&mut self, remedy: &str) {
        self.affinity = Affinity::Unavailable;
        self.note(format!(
            "no annotation keeps a polling client on one pod: {remedy}, or set spec.transports: [websocket]"
        ));
    }

    fn unknown(&mut self, class_name: Option<&str>, asks: &Asks<'_>) {
        let who = class_name.map_or_else(
            || "spec.exposure.ingress.className is not set, so the controller is not known".to_owned(),
            |name| format!("the controller of IngressClass {name:?} is not known"),
        );
        let affinity = if asks.sticky { " and its affinity by client address" } else { "" };
        self.note(format!(
            "{who}: set its timeout for long-lived connections to at least {}{affinity}, through \
             spec.exposure.ingress.annotations",
            asks.timeout()
        ));
        if asks.sticky {
            self.affinity = Affinity::Unavailable;
        }
    }
}
