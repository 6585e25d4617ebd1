use proptest::prelude::*;

use super::*;

fn asks() -> Asks<'static> {
    Asks {
        service: "chat",
        path: "/oursocketio",
        health_path: "/ready",
        timeout_sec: 3600,
        idle_sec: 45,
        drain_sec: 60,
        sticky: true,
    }
}

fn of(controller: &str) -> ClassSettings {
    settings(None, Some(controller), &asks())
}

fn map<const N: usize>(entries: [(&str, &str); N]) -> BTreeMap<String, String> {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn ingress_nginx_takes_plain_seconds_and_hashes_the_address() {
    let settings = of("k8s.io/ingress-nginx");
    let expected = map([
        ("nginx.ingress.kubernetes.io/proxy-read-timeout", "3600"),
        ("nginx.ingress.kubernetes.io/proxy-send-timeout", "3600"),
        ("nginx.ingress.kubernetes.io/proxy-buffering", "off"),
        ("nginx.ingress.kubernetes.io/proxy-request-buffering", "off"),
        ("nginx.ingress.kubernetes.io/upstream-hash-by", "$remote_addr"),
    ]);
    assert_eq!(settings.ingress, expected);
    assert_eq!(settings.affinity, Affinity::ClientAddress);
    assert!(settings.notes.iter().any(|note| note.contains("worker-shutdown-timeout") && note.contains("3600s")));
}

#[test]
fn f5_nginx_names_its_websocket_service_and_takes_a_unit() {
    let expected = map([
        ("nginx.org/websocket-services", "chat"),
        ("nginx.org/proxy-read-timeout", "3600s"),
        ("nginx.org/proxy-send-timeout", "3600s"),
        ("nginx.org/proxy-buffering", "false"),
        ("nginx.org/lb-method", "hash $remote_addr consistent"),
    ]);
    assert_eq!(of("nginx.org/ingress-controller").ingress, expected);
}

#[test]
fn haproxy_ingress_has_a_timeout_for_tunnels() {
    let expected = map([
        ("haproxy-ingress.github.io/timeout-tunnel", "3600s"),
        ("haproxy-ingress.github.io/timeout-server", "3600s"),
        ("haproxy-ingress.github.io/balance-algorithm", "source"),
    ]);
    assert_eq!(of("haproxy-ingress.github.io/controller").ingress, expected);
}

#[test]
fn haproxy_technologies_has_its_tunnel_timeout_in_a_config_map_alone() {
    let settings = of("haproxy.org/ingress-controller/haproxy");
    let expected = map([("haproxy.org/timeout-server", "3600s"), ("haproxy.org/load-balance", "source")]);
    assert_eq!(settings.ingress, expected);
    assert!(settings.notes.iter().any(|note| note.contains("hard-stop-after")));
}

#[test]
fn openshift_copies_annotations_to_its_route() {
    let expected = map([
        ("haproxy.router.openshift.io/timeout", "3600s"),
        ("haproxy.router.openshift.io/timeout-tunnel", "3600s"),
        ("haproxy.router.openshift.io/balance", "source"),
        ("haproxy.router.openshift.io/disable_cookies", "true"),
    ]);
    assert_eq!(of("openshift.io/ingress-to-route").ingress, expected);
}

#[test]
fn contour_opens_its_route_to_websockets_and_its_service_to_more_than_1024_clients() {
    let settings = of("projectcontour.io/ingress-controller");
    let ingress =
        map([("projectcontour.io/websocket-routes", "/oursocketio"), ("projectcontour.io/response-timeout", "3600s")]);
    let service = map([
        ("projectcontour.io/max-connections", "1000000"),
        ("projectcontour.io/max-pending-requests", "1000000"),
        ("projectcontour.io/max-requests", "1000000"),
    ]);
    assert_eq!((settings.ingress, settings.service), (ingress, service));
    assert_eq!(settings.affinity, Affinity::Unavailable);
}

#[test]
fn cilium_waits_longer_than_a_poll() {
    let settings = of("cilium.io/ingress-controller");
    let expected = map([("ingress.cilium.io/request-timeout", "3600s"), ("ingress.cilium.io/websocket", "enabled")]);
    assert_eq!(settings.ingress, expected);
    assert_eq!(settings.affinity, Affinity::Unavailable);
}

#[test]
fn istio_reads_no_annotation_and_needs_a_destination_rule_for_affinity() {
    let settings = of("istio.io/ingress-controller");
    assert!(settings.ingress.is_empty() && settings.service.is_empty());
    assert_eq!(settings.affinity, Affinity::Unavailable);
    assert!(settings.notes.iter().any(|note| note.contains("useSourceIp")), "{:?}", settings.notes);
}

#[test]
fn an_application_load_balancer_leads_to_pods_and_sets_a_cookie_for_other_sites() {
    let settings = of("ingress.k8s.aws/alb");
    let expected = map([
        ("alb.ingress.kubernetes.io/load-balancer-attributes", "idle_timeout.timeout_seconds=3600"),
        ("alb.ingress.kubernetes.io/target-type", "ip"),
        ("alb.ingress.kubernetes.io/healthcheck-path", "/ready"),
        (
            "alb.ingress.kubernetes.io/target-group-attributes",
            "deregistration_delay.timeout_seconds=120,stickiness.enabled=true,stickiness.type=lb_cookie,stickiness.lb_cookie.duration_seconds=3600",
        ),
    ]);
    assert_eq!(settings.ingress, expected);
    assert_eq!((settings.affinity, settings.detach_sec), (Affinity::CrossSiteCookie, 60));
}

#[test]
fn an_application_gateway_drains_for_as_long_as_the_pod_does() {
    let settings = of("azure/application-gateway");
    let expected = map([
        ("appgw.ingress.kubernetes.io/request-timeout", "3600"),
        ("appgw.ingress.kubernetes.io/connection-draining", "true"),
        ("appgw.ingress.kubernetes.io/connection-draining-timeout", "150"),
        ("appgw.ingress.kubernetes.io/health-probe-path", "/ready"),
        ("appgw.ingress.kubernetes.io/cookie-based-affinity", "true"),
    ]);
    assert_eq!(settings.ingress, expected);
    assert_eq!((settings.affinity, settings.detach_sec), (Affinity::CrossSiteCookie, 90));
}

#[test]
fn traefik_has_its_cookie_on_the_service_and_its_timeouts_elsewhere() {
    let settings = of("traefik.io/ingress-controller");
    let expected = map([
        ("traefik.ingress.kubernetes.io/service.sticky.cookie", "true"),
        ("traefik.ingress.kubernetes.io/service.sticky.cookie.name", "realtime-pod"),
        ("traefik.ingress.kubernetes.io/service.sticky.cookie.secure", "true"),
        ("traefik.ingress.kubernetes.io/service.sticky.cookie.httponly", "true"),
        ("traefik.ingress.kubernetes.io/service.sticky.cookie.samesite", "none"),
    ]);
    assert_eq!(settings.service, expected);
    assert!(settings.ingress.is_empty());
    assert_eq!(settings.affinity, Affinity::CrossSiteCookie);
    assert!(settings.notes.iter().any(|note| note.contains("respondingTimeouts")));
}

#[test]
fn kong_takes_milliseconds_on_the_service() {
    let settings = of("ingress-controllers.konghq.com/kong");
    let service = map([("konghq.com/read-timeout", "3600000"), ("konghq.com/write-timeout", "3600000")]);
    let ingress = map([
        ("konghq.com/strip-path", "false"),
        ("konghq.com/request-buffering", "false"),
        ("konghq.com/response-buffering", "false"),
    ]);
    assert_eq!((settings.ingress, settings.service), (ingress, service));
}

#[test]
fn apisix_has_websockets_switched_on() {
    let expected = map([
        ("k8s.apisix.apache.org/enable-websocket", "true"),
        ("k8s.apisix.apache.org/upstream-read-timeout", "3600s"),
        ("k8s.apisix.apache.org/upstream-send-timeout", "3600s"),
        ("k8s.apisix.apache.org/upstream-connect-timeout", "60s"),
    ]);
    assert_eq!(of("apisix.apache.org/apisix-ingress-controller").ingress, expected);
}

#[test]
fn a_name_that_two_controllers_share_gets_what_both_understand() {
    for (name, controllers) in [
        ("nginx", ["k8s.io/ingress-nginx", "nginx.org/ingress-controller"]),
        ("haproxy", ["haproxy-ingress.github.io/controller", "haproxy.org/ingress-controller/haproxy"]),
    ] {
        let both: BTreeMap<_, _> = controllers.iter().flat_map(|controller| of(controller).ingress).collect();
        assert_eq!(settings(Some(name), None, &asks()).ingress, both, "{name}");
    }
}

#[test]
fn the_controller_says_more_than_the_name() {
    let settings = settings(Some("nginx"), Some("ingress.k8s.aws/alb"), &asks());
    assert!(settings.ingress.keys().all(|name| name.starts_with("alb.ingress.kubernetes.io/")), "{settings:?}");
}

#[test]
fn an_unknown_class_gets_nothing_and_is_told_exactly_what_to_set() {
    let unknown = settings(Some("front-door"), None, &asks());
    assert!(unknown.ingress.is_empty() && unknown.service.is_empty());
    assert_eq!((unknown.affinity, unknown.detach_sec), (Affinity::Unavailable, DETACH_IN_CLUSTER_SEC));
    assert_eq!(
        unknown.notes,
        [
            "the controller of IngressClass \"front-door\" is not known: set its timeout for long-lived connections to at \
              least 3600s and its affinity by client address, through spec.exposure.ingress.annotations"
        ]
    );
    let default = settings(None, None, &Asks { sticky: false, ..asks() });
    assert_eq!(
        default.notes,
        ["spec.exposure.ingress.className is not set, so the controller is not known: set its timeout for long-lived \
             connections to at least 3600s, through spec.exposure.ingress.annotations"]
    );
    assert_eq!(default.affinity, Affinity::NotNeeded);
}

#[test]
fn nothing_sticks_where_nothing_has_to() {
    for name in
        ["nginx", "haproxy", "openshift-default", "contour", "cilium", "istio", "alb", "azure-application-gateway"]
            .into_iter()
            .chain(["traefik", "kong", "apisix"])
    {
        let settings = settings(Some(name), None, &Asks { sticky: false, ..asks() });
        assert_eq!(settings.affinity, Affinity::NotNeeded, "{name}");
        assert!(!settings.notes.iter().any(|note| note.contains("one pod")), "{name}: {:?}", settings.notes);
    }
}

#[test]
fn every_controller_has_a_class_by_name() {
    let names =
        ["nginx", "haproxy", "openshift-default", "contour", "cilium", "istio", "alb", "azure-application-gateway"];
    let named: Vec<_> =
        names.iter().chain(&["traefik", "kong", "apisix"]).flat_map(|name| Family::of(Some(name), None)).collect();
    assert!(Family::ALL.iter().all(|family| named.contains(&family)), "{named:?}");
}

#[test]
fn silence_longer_than_an_envoy_bears_is_pointed_out() {
    for name in ["contour", "cilium"] {
        let settings = settings(Some(name), None, &Asks { idle_sec: 320, ..asks() });
        assert!(settings.notes.iter().any(|note| note.contains("320s")), "{name}: {:?}", settings.notes);
    }
}

#[test]
fn the_page_of_the_documentation_names_every_annotation() {
    let page = include_str!("../../../../docs/ingress-classes.md");
    for family in
        ["nginx", "haproxy", "openshift-default", "contour", "cilium", "istio", "alb", "azure-application-gateway"]
            .into_iter()
            .chain(["traefik", "kong", "apisix"])
    {
        let settings = settings(Some(family), None, &asks());
        for name in settings.ingress.keys().chain(settings.service.keys()) {
            assert!(page.contains(&format!("`{name}`")), "{name} is missing from docs/ingress-classes.md");
        }
    }
}

proptest! {
    #[test]
    fn no_cloud_gets_a_number_that_it_refuses_or_that_falls_short_of_the_pings(
        timeout_sec in 10_u64..=86_400, idle_sec in 2_u64..=600, drain_sec in 0_u64..=3540, sticky: bool
    ) {
        prop_assume!(idle_sec < timeout_sec);
        let asks = Asks { timeout_sec, idle_sec, drain_sec, sticky, ..asks() };
        let alb = settings(Some("alb"), None, &asks).ingress;
        let attributes = &alb["alb.ingress.kubernetes.io/load-balancer-attributes"];
        let idle: u64 = attributes.rsplit('=').next().unwrap_or_default().parse().expect("seconds");
        prop_assert!(idle > idle_sec && (1..=4000).contains(&idle));
        let groups = &alb["alb.ingress.kubernetes.io/target-group-attributes"];
        let delay = groups.split(['=', ',']).nth(1).unwrap_or_default();
        prop_assert!(delay.parse::<u64>().expect("seconds") <= 3600);
        let azure = settings(Some("azure-application-gateway"), None, &asks).ingress;
        let draining: u64 =
            azure["appgw.ingress.kubernetes.io/connection-draining-timeout"].parse().expect("seconds");
        prop_assert!((1..=3600).contains(&draining));
    }
}
