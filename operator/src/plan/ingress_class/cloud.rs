//! Load balancers outside the cluster. They ask pods for their health themselves.

use super::{Asks, ClassSettings, Family};

/// Longest silence that an Application Load Balancer can be told to bear.
const ALB_IDLE_LIMIT_SEC: u64 = 4000;
/// Longest time that both clouds let the connections of a leaving pod live.
const DRAINING_LIMIT_SEC: u64 = 3600;
/// A cookie of an Application Load Balancer lives a week at the most.
const ALB_COOKIE_LIMIT_SEC: u64 = 604_800;
/// Longest time that an Application Gateway waits for a response.
const APPLICATION_GATEWAY_TIMEOUT_LIMIT_SEC: u64 = 86_400;

pub(super) fn aws(asks: &Asks<'_>, settings: &mut ClassSettings) {
    settings.ingress(
        "alb.ingress.kubernetes.io/load-balancer-attributes",
        format!("idle_timeout.timeout_seconds={}", asks.timeout_sec.clamp(1, ALB_IDLE_LIMIT_SEC)),
    );
    // The other type, instance, which is the default, needs a Service of type NodePort and knows no affinity to a pod.
    settings.ingress("alb.ingress.kubernetes.io/target-type", "ip");
    settings.ingress("alb.ingress.kubernetes.io/healthcheck-path", asks.health_path);
    settings.ingress("alb.ingress.kubernetes.io/target-group-attributes", target_group(asks));
    settings.note(
        "an Application Load Balancer is internal by default: set alb.ingress.kubernetes.io/scheme: internet-facing in \
         spec.exposure.ingress.annotations to reach it from outside",
    );
    if asks.sticky {
        settings.sticks_by_cookie();
    }
}

/// Explicit even where it is the default: the load balancer keeps attributes that are no longer mentioned.
fn target_group(asks: &Asks<'_>) -> String {
    let draining = draining_sec(Family::AwsLoadBalancer, asks);
    let cookie = asks.timeout_sec.clamp(1, ALB_COOKIE_LIMIT_SEC);
    let stickiness = match asks.sticky {
        true => {
            format!("stickiness.enabled=true,stickiness.type=lb_cookie,stickiness.lb_cookie.duration_seconds={cookie}")
        }
        false => "stickiness.enabled=false".to_owned(),
    };
    format!("deregistration_delay.timeout_seconds={draining},{stickiness}")
}

pub(super) fn azure(asks: &Asks<'_>, settings: &mut ClassSettings) {
    let timeout = asks.timeout_sec.clamp(1, APPLICATION_GATEWAY_TIMEOUT_LIMIT_SEC);
    let draining = draining_sec(Family::AzureApplicationGateway, asks).max(1);
    settings.ingress("appgw.ingress.kubernetes.io/request-timeout", timeout.to_string());
    settings.ingress("appgw.ingress.kubernetes.io/connection-draining", "true");
    settings.ingress("appgw.ingress.kubernetes.io/connection-draining-timeout", draining.to_string());
    settings.ingress("appgw.ingress.kubernetes.io/health-probe-path", asks.health_path);
    settings.ingress("appgw.ingress.kubernetes.io/cookie-based-affinity", asks.sticky.to_string());
    if asks.sticky {
        settings.sticks_by_cookie();
    }
}

fn draining_sec(family: Family, asks: &Asks<'_>) -> u64 {
    (family.detach_sec() + asks.drain_sec).min(DRAINING_LIMIT_SEC)
}
