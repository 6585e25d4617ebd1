//! How clients get in: the route, its URL, its address and its certificate.

use std::collections::BTreeSet;

use realtime_crds::{
    ValidService, Way,
    v1alpha1::{GkeClass, GkeExposure, ParentRef},
};
use serde_json::Value;

use super::{Effect, Found, LiveFacts, fields::Changes};
use crate::{
    observe::url,
    plan::{Kind, effective},
};

pub(super) fn effects(changes: &Changes<'_>, live: &LiveFacts) -> Vec<Found> {
    let way = way(changes, live);
    let is_inside = |service: &ValidService| *service.way() == Way::Inside;
    if is_inside(changes.old) || is_inside(changes.new) {
        return way.into_iter().collect();
    }
    let rest =
        [old_url(changes), address(changes), certificate(changes), timeout(changes), proxy(changes), health(changes)];
    way.into_iter().chain(rest.into_iter().flatten()).collect()
}

fn way(changes: &Changes<'_>, live: &LiveFacts) -> Option<Found> {
    let (old, new) = (changes.old.way(), changes.new.way());
    let (from, to) = (name(old), name(new));
    let effect = match (door(changes.old), door(changes.new)) {
        (Door::None, Door::None) => return None,
        (_, Door::None) => Effect::NoWayIn { from, connections: live.connections },
        (Door::None, _) => Effect::WayInOpens { to },
        (Door::Ingress(_), Door::Gateways(_)) | (Door::Gateways(_), Door::Ingress(_)) => {
            Effect::WayInMoves { from, to }
        }
        (Door::Ingress(before), Door::Ingress(after)) if before == after => return None,
        (Door::Gateways(before), Door::Gateways(after)) if before.is_subset(&after) => return None,
        (Door::Ingress(_), Door::Ingress(_)) | (Door::Gateways(_), Door::Gateways(_)) => {
            Effect::WayInReplaced { from, to }
        }
    };
    Some(Found::new(effect, ["spec.exposure"]))
}

/// Who carries the traffic.
#[derive(Debug, PartialEq, Eq)]
enum Door {
    None,
    /// Of this class.
    Ingress(Option<String>),
    /// Of these namespaces and names.
    Gateways(BTreeSet<(String, String)>),
}

fn door(service: &ValidService) -> Door {
    let gateways = |parents: &[ParentRef]| {
        let of = |parent: &ParentRef| {
            (parent.namespace.clone().unwrap_or_else(|| service.namespace().to_owned()), parent.name.clone())
        };
        Door::Gateways(parents.iter().map(of).collect())
    };
    match service.way() {
        Way::Inside => Door::None,
        Way::Gke(gke) => Door::Ingress(Some(gke.class.as_str().to_owned())),
        Way::Ingress(ingress) => Door::Ingress(ingress.class_name.clone()),
        Way::GkeGateway(gateway) => gateways(&gateway.parent_refs),
        Way::Gateway(gateway) => gateways(&gateway.parent_refs),
    }
}

fn name(way: &Way) -> String {
    let parents = |refs: &[ParentRef]| refs.iter().map(|parent| parent.name.as_str()).collect::<Vec<_>>().join(", ");
    match way {
        Way::Inside => "none".to_owned(),
        Way::Gke(gke) => format!("gke ({})", gke.class.as_str()),
        Way::Ingress(ingress) => match &ingress.class_name {
            Some(class) => format!("ingress ({class})"),
            None => "ingress".to_owned(),
        },
        Way::GkeGateway(gateway) => format!("gkeGateway ({})", parents(&gateway.parent_refs)),
        Way::Gateway(gateway) => format!("gateway ({})", parents(&gateway.parent_refs)),
    }
}

fn old_url(changes: &Changes<'_>) -> Option<Found> {
    let (old, new) = (url(changes.old), url(changes.new));
    let path = changes.old.spec().path != changes.new.spec().path;
    // A path is in the pods too.
    (old != new).then(|| Found::new(Effect::OldUrlUnserved { old, new, path }, ["spec.host", "spec.path"]))
}

fn gke<'a>(changes: &Changes<'a>) -> Option<(&'a GkeExposure, &'a GkeExposure)> {
    match (changes.old.way(), changes.new.way()) {
        (Way::Gke(old), Way::Gke(new)) => Some((old, new)),
        (_, _) => None,
    }
}

fn address(changes: &Changes<'_>) -> Option<Found> {
    let (old, new) = gke(changes).filter(|(old, new)| old.class == new.class)?;
    let (from, to) = (old.static_ip_name.clone(), new.static_ip_name.clone());
    (from != to).then(|| Found::new(Effect::AddressChanges { from, to }, ["spec.exposure.gke.staticIpName"]))
}

fn certificate(changes: &Changes<'_>) -> Option<Found> {
    let host = &changes.new.spec().host;
    let waits = |gke: &GkeExposure| gke.managed_certificate && gke.tls_secret_name.is_none();
    if let Way::Gke(new) = changes.new.way() {
        let issued = matches!(changes.old.way(), Way::Gke(old) if old.managed_certificate && old.class == GkeClass::Gce)
            && changes.old.spec().host == *host;
        if waits(new) && !issued {
            let fields = ["spec.exposure.gke.managedCertificate", "spec.exposure.gke.tlsSecretName"];
            return Some(Found::new(Effect::CertificateAwaited { host: host.clone() }, fields));
        }
    }
    let fields = ["gke.managedCertificate", "gke.tlsSecretName", "ingress.tlsSecretName"];
    let because: Vec<_> = fields.iter().flat_map(|field| changes.within(&format!("spec.exposure.{field}"))).collect();
    let effect = Effect::CertificateChanges { because: because.clone() };
    (!because.is_empty()).then(|| Found::new(effect, because))
}

fn timeout(changes: &Changes<'_>) -> Option<Found> {
    let of = |service: &ValidService| effective(service).load_balancer_timeout_sec;
    let (from_sec, to_sec) = (of(changes.old), of(changes.new));
    let effect = match from_sec.cmp(&to_sec) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Less => Effect::LongerTimeout { from_sec, to_sec },
        std::cmp::Ordering::Greater => Effect::ShorterTimeout { from_sec, to_sec },
    };
    Some(Found::new(effect, ["spec.timeouts.maxConnectionAge"]))
}

fn proxy(changes: &Changes<'_>) -> Option<Found> {
    let field = |way: &Way| match way {
        Way::Gke(gke) => gke.iap.is_some().then_some("spec.exposure.gke.iap"),
        Way::GkeGateway(gateway) => gateway.iap.is_some().then_some("spec.exposure.gkeGateway"),
        Way::Gateway(_) | Way::Ingress(_) | Way::Inside => None,
    };
    let (old, new) = (field(changes.old.way()), field(changes.new.way()));
    new.filter(|_| old.is_none()).map(|field| Found::new(Effect::IdentityAwareProxy, [field]))
}

/// Where the load balancer asks for health.
fn health(changes: &Changes<'_>) -> Option<Found> {
    let of_ingress = changes.part(Kind::BackendConfig, "/spec/healthCheck/requestPath");
    let of_gateway = changes.part(Kind::HealthCheckPolicy, "/spec/default/config/httpHealthCheck/requestPath");
    [of_ingress, of_gateway].into_iter().find_map(|asked| match asked {
        (Value::String(from), Value::String(to)) if from != to => {
            let effect = Effect::HealthPathChanges { from: from.clone(), to: to.clone() };
            Some(Found::new(effect, ["spec.workload.healthPath"]))
        }
        _ => None,
    })
}
