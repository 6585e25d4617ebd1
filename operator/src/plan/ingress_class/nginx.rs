//! The two controllers that are called nginx. Both close what is silent for longer than their proxy timeouts.

use super::{Asks, ClassSettings};

/// Plain seconds.
pub(super) fn ingress_nginx(asks: &Asks<'_>, settings: &mut ClassSettings) {
    let seconds = asks.timeout_sec.to_string();
    settings.ingress("nginx.ingress.kubernetes.io/proxy-read-timeout", &*seconds);
    settings.ingress("nginx.ingress.kubernetes.io/proxy-send-timeout", seconds);
    settings.ingress("nginx.ingress.kubernetes.io/proxy-buffering", "off");
    settings.ingress("nginx.ingress.kubernetes.io/proxy-request-buffering", "off");
    if asks.sticky {
        settings.ingress("nginx.ingress.kubernetes.io/upstream-hash-by", "$remote_addr");
        settings.sticks_by_address();
    }
    settings.note(format!(
        "ingress-nginx reloads when any Ingress changes and closes the connections of old workers after \
         worker-shutdown-timeout: set that to {} in its ConfigMap",
        asks.timeout()
    ));
}

/// NGINX times with a unit.
pub(super) fn f5(asks: &Asks<'_>, settings: &mut ClassSettings) {
    settings.ingress("nginx.org/websocket-services", asks.service);
    settings.ingress("nginx.org/proxy-read-timeout", asks.timeout());
    settings.ingress("nginx.org/proxy-send-timeout", asks.timeout());
    settings.ingress("nginx.org/proxy-buffering", "false");
    if asks.sticky {
        settings.ingress("nginx.org/lb-method", "hash $remote_addr consistent");
        settings.sticks_by_address();
    }
    settings.note(
        "F5 NGINX Ingress Controller takes 1024 connections a worker, two for each client: raise worker-connections \
         in its ConfigMap",
    );
}
