//! The inequalities between the layers, for every accepted input.

use proptest::prelude::*;
use realtime_crds::v1alpha1::{GatewayExposure, GkeExposure, GkeGatewayExposure, IngressExposure};

use super::*;

fn ways() -> impl Strategy<Value = Way> {
    let class =
        |name: &str| Way::Ingress(IngressExposure { class_name: Some(name.to_owned()), ..IngressExposure::default() });
    prop_oneof![
        Just(Way::Gke(GkeExposure::default())),
        Just(Way::GkeGateway(GkeGatewayExposure {
            parent_refs: Vec::new(),
            security_policy: None,
            iap: None,
            iap_client_id: None,
            logging: None,
        })),
        Just(Way::Gateway(GatewayExposure { parent_refs: Vec::new() })),
        Just(class("nginx")),
        Just(class("traefik")),
        Just(class("of-our-own")),
        Just(Way::Inside),
    ]
}

prop_compose! {
    fn accepted()(age in 10_000_u64..=86_400_000, drain in 0_u64..=3_540_000, ping in 1_000_u64..=300_000, pong in 1_000_u64..=300_000) -> Timeouts {
        Timeouts {
            max_connection_age: Duration::from_millis(age),
            drain: Duration::from_millis(drain),
            ping_interval: Duration::from_millis(ping),
            ping_timeout: Duration::from_millis(pong),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn every_layer_waits_for_the_one_within(timeouts in accepted(), way in ways()) {
        let facts = Facts::of(&way);
        let budget = budget(&timeouts, &way);
        let age = timeouts.max_connection_age.get();
        // The server moves a connection before the load balancer cuts it.
        prop_assert!(budget.move_from < budget.move_until);
        prop_assert!(budget.move_until.get() < age);
        prop_assert!(u128::from(budget.load_balancer_timeout_sec) * 1000 >= age.as_millis());
        prop_assert!((1..=86_400).contains(&budget.load_balancer_timeout_sec));
        // A pod outlives the time until nobody sends it anything new, and then its drain.
        prop_assert!(budget.detach_sec >= facts.detach_sec);
        prop_assert!(budget.termination_grace_period_sec > budget.detach_sec + budget.drain_sec);
        // The load balancer waits as long as the pod drains, within its own limit.
        prop_assert!(budget.draining_timeout_sec >= budget.detach_sec + budget.drain_sec);
        prop_assert!(facts.draining_limit_sec.is_none_or(|limit| budget.draining_timeout_sec <= limit));
        prop_assert!(u128::from(budget.drain_sec) * 1000 >= timeouts.drain.get().as_millis());
        // An old pod goes only when a new one is used.
        prop_assert!(budget.min_ready_sec >= facts.attach_sec);
        // The longest that Kubernetes can write.
        prop_assert!(i32::try_from(budget.min_ready_sec).is_ok());
    }
}

#[test]
fn an_ill_endpoint_is_out_before_a_leaving_one_would_be() {
    let facts = Facts::of(&Way::Gke(GkeExposure::default()));
    assert!(HEALTH_INTERVAL_SEC * UNHEALTHY_THRESHOLD <= facts.detach_sec);
    const { assert!(HEALTH_TIMEOUT_SEC <= HEALTH_INTERVAL_SEC) };
    assert!(HEALTH_INTERVAL_SEC * HEALTHY_THRESHOLD <= facts.attach_sec);
}
