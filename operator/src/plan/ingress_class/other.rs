//! Traefik, Kong and APISIX.

use super::{Asks, ClassSettings};

/// Name of the cookie that leads back to a pod.
const COOKIE: &str = "realtime-pod";

/// Traefik's timeouts are static configuration of its entry points; their defaults let connections and answers last.
pub(super) fn traefik(asks: &Asks<'_>, settings: &mut ClassSettings) {
    settings.note(format!(
        "Traefik's timeouts belong to its entry points: leave transport.respondingTimeouts.writeTimeout at its \
         default, unlimited, or set it to at least {} in its static configuration",
        asks.timeout()
    ));
    if asks.sticky {
        settings.service("traefik.ingress.kubernetes.io/service.sticky.cookie", "true");
        settings.service("traefik.ingress.kubernetes.io/service.sticky.cookie.name", COOKIE);
        settings.service("traefik.ingress.kubernetes.io/service.sticky.cookie.secure", "true");
        settings.service("traefik.ingress.kubernetes.io/service.sticky.cookie.httponly", "true");
        settings.service("traefik.ingress.kubernetes.io/service.sticky.cookie.samesite", "none");
        settings.sticks_by_cookie();
    }
}

/// Milliseconds, on the Service.
pub(super) fn kong(asks: &Asks<'_>, settings: &mut ClassSettings) {
    let millis = asks.timeout_sec.saturating_mul(1000).to_string();
    settings.service("konghq.com/read-timeout", &*millis);
    settings.service("konghq.com/write-timeout", millis);
    settings.ingress("konghq.com/strip-path", "false");
    settings.ingress("konghq.com/request-buffering", "false");
    settings.ingress("konghq.com/response-buffering", "false");
    if asks.sticky {
        settings.does_not_stick(
            "Kong needs a KongUpstreamPolicy with hashOn.input: ip that the Service names in \
             konghq.com/upstream-policy",
        );
    }
}

/// Seconds with a unit. One timeout alone would leave the others at zero.
pub(super) fn apisix(asks: &Asks<'_>, settings: &mut ClassSettings) {
    settings.ingress("k8s.apisix.apache.org/enable-websocket", "true");
    settings.ingress("k8s.apisix.apache.org/upstream-read-timeout", asks.timeout());
    settings.ingress("k8s.apisix.apache.org/upstream-send-timeout", asks.timeout());
    settings.ingress("k8s.apisix.apache.org/upstream-connect-timeout", "60s");
    if asks.sticky {
        settings.does_not_stick(&format!(
            "give Service {} a BackendTrafficPolicy with loadbalancer: {{type: chash, hashOn: vars, key: remote_addr}}",
            asks.service
        ));
    }
}
