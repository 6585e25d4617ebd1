//! Random ways in, each as the rules across its fields allow.

use std::collections::BTreeMap;

use proptest::prelude::*;
use realtime_crds::v1alpha1::{
    Exposure, GatewayExposure, GkeClass, GkeExposure, GkeGatewayExposure, Iap, IngressExposure, Logging, NoExposure,
    ParentRef,
};

use crate::specs::some_of;

const NO_WAY: Exposure = Exposure { gke: None, gke_gateway: None, gateway: None, ingress: None, none: None };

const CLASSES: [&str; 13] = [
    "nginx",
    "haproxy",
    "openshift-default",
    "contour",
    "cilium",
    "istio",
    "alb",
    "azure-application-gateway",
    "traefik",
    "kong",
    "apisix",
    "nginx-internal",
    "front-door",
];

const ANNOTATIONS: [(&str, &str); 5] = [
    ("example.com/contact", "team-a"),
    ("cert-manager.io/cluster-issuer", "letsencrypt"),
    ("nginx.ingress.kubernetes.io/proxy-read-timeout", "120"),
    ("ingress.gcp.kubernetes.io/pre-shared-cert", "mine"),
    ("kubernetes.io/ingress.global-static-ip-name", "address"),
];

pub fn exposure() -> impl Strategy<Value = Option<Exposure>> {
    prop_oneof![
        1 => Just(None),
        4 => gke().prop_map(|gke| Some(Exposure { gke: Some(gke), ..NO_WAY })),
        2 => gke_gateway().prop_map(|gateway| Some(Exposure { gke_gateway: Some(gateway), ..NO_WAY })),
        1 => parents().prop_map(|parent_refs| Some(Exposure { gateway: Some(GatewayExposure { parent_refs }), ..NO_WAY })),
        2 => ingress().prop_map(|ingress| Some(Exposure { ingress: Some(ingress), ..NO_WAY })),
        1 => Just(Some(Exposure { none: Some(NoExposure {}), ..NO_WAY })),
    ]
}

fn annotations(bits: u32) -> BTreeMap<String, String> {
    some_of(&ANNOTATIONS, bits).into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn logging(thousandths: Option<u16>) -> Option<Logging> {
    thousandths.map(|share| Logging { sample_rate: f64::from(share) / 1000.0 })
}

fn gke() -> impl Strategy<Value = GkeExposure> {
    // One bit for each field that is there or not.
    (any::<u16>(), prop::option::of(0_u16..=1000), 0_u32..8, 0_u32..32).prop_map(|(bits, rate, headers, more)| {
        let is = |bit: u32| bits >> bit & 1 == 1;
        let outside = is(0);
        let (managed, secret) = (is(1) && outside, is(2));
        let certificate = managed || secret;
        let named = |there: bool, name: &str| there.then(|| name.to_owned());
        let headers = if outside { headers } else { 0 };
        let more = more & if managed { !8 } else { !0 } & if is(3) { !16 } else { !0 };
        GkeExposure {
            class: if outside { GkeClass::Gce } else { GkeClass::GceInternal },
            static_ip_name: named(is(3), "address"),
            managed_certificate: managed,
            tls_secret_name: named(secret, "chat-tls"),
            ssl_policy: named(is(4) && certificate && outside, "modern"),
            redirect_to_https: is(5) && certificate && outside,
            security_policy: named(is(6) && outside, "armor"),
            iap: is(7).then(|| Iap { secret_name: "oauth".to_owned() }),
            logging: logging(rate),
            custom_request_headers: some_of(
                &["X-Client-Region: {client_region}", "X-Edge:1", "X-Quote: \"it's\""].map(str::to_owned),
                headers,
            ),
            annotations: annotations(more),
        }
    })
}

fn parents() -> impl Strategy<Value = Vec<ParentRef>> {
    prop::collection::vec((0_usize..3, any::<bool>(), 0_usize..3), 1..5).prop_map(|drawn| {
        let parent = |(name, elsewhere, section): (usize, bool, usize)| ParentRef {
            name: ["edge", "external-https", "internal.https"][name].to_owned(),
            namespace: elsewhere.then(|| "networking".to_owned()),
            section_name: [None, Some("https"), Some("chat.https")][section].map(str::to_owned),
        };
        drawn.into_iter().map(parent).collect()
    })
}

fn gke_gateway() -> impl Strategy<Value = GkeGatewayExposure> {
    (parents(), any::<bool>(), any::<bool>(), prop::option::of(0_u16..=1000)).prop_map(
        |(parent_refs, guarded, iap, rate)| GkeGatewayExposure {
            parent_refs,
            security_policy: guarded.then(|| "armor".to_owned()),
            iap: iap.then(|| Iap { secret_name: "oauth".to_owned() }),
            iap_client_id: iap.then(|| "client".to_owned()),
            logging: logging(rate),
        },
    )
}

fn ingress() -> impl Strategy<Value = IngressExposure> {
    (0..=CLASSES.len(), 0_u32..8, any::<bool>()).prop_map(|(class, more, secret)| IngressExposure {
        class_name: CLASSES.get(class).map(|class| (*class).to_owned()),
        annotations: annotations(more),
        tls_secret_name: secret.then(|| "chat-tls".to_owned()),
    })
}
