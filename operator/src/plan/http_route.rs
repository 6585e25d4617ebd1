//! The way in through Gateways.

use realtime_crds::{
    ValidService, Way,
    foreign::{
        HttpRoute, HttpRouteSpec,
        http_route::{self, BackendRef, Match, PathMatch, PathMatchType, RouteRule, Timeouts},
    },
    v1alpha1::ParentRef,
};

use super::{
    names::{Names, metadata},
    service::SERVICE_PORT,
    timeouts::Budget,
};

pub(crate) fn build(service: &ValidService, budget: &Budget) -> Option<HttpRoute> {
    match service.way() {
        // GKE refuses an HTTPRoute with timeouts; its GCPBackendPolicy has them.
        Way::GkeGateway(gateway) => Some(route(service, &gateway.parent_refs, None)),
        Way::Gateway(gateway) => {
            // Above the 15 s that Envoy would give a long poll. Not "0s", which some take for at once and others for never idle.
            let timeouts =
                Timeouts { request: Some(format!("{}s", budget.load_balancer_timeout_sec)), backend_request: None };
            Some(route(service, &gateway.parent_refs, Some(timeouts)))
        }
        Way::Gke(_) | Way::Ingress(_) | Way::Inside => None,
    }
}

fn route(service: &ValidService, parents: &[ParentRef], timeouts: Option<Timeouts>) -> HttpRoute {
    let name = Names::of(service).main();
    let spec = service.spec();
    let rule = RouteRule {
        // A prefix of whole segments: /socket.io and /socket.io/, and not /socket.iox.
        matches: vec![Match { path: PathMatch { by: PathMatchType::PathPrefix, value: spec.path.clone() } }],
        backend_refs: vec![BackendRef::service(&name, SERVICE_PORT)],
        timeouts,
    };
    let mut route = HttpRoute::new(
        "",
        HttpRouteSpec {
            parent_refs: parents.iter().map(parent).collect(),
            hostnames: vec![spec.host.clone()],
            rules: vec![rule],
        },
    );
    route.metadata = metadata(service, name);
    route
}

fn parent(parent: &ParentRef) -> http_route::ParentRef {
    let ParentRef { name, namespace, section_name } = parent.clone();
    http_route::ParentRef {
        group: http_route::GROUP.to_owned(),
        kind: "Gateway".to_owned(),
        namespace,
        name,
        section_name,
        port: None,
    }
}
