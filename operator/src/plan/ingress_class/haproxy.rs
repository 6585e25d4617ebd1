//! Controllers around HAProxy. A WebSocket is a tunnel there, with a timeout of its own for silence.

use super::{Asks, ClassSettings};

pub(super) fn haproxy_ingress(asks: &Asks<'_>, settings: &mut ClassSettings) {
    settings.ingress("haproxy-ingress.github.io/timeout-tunnel", asks.timeout());
    settings.ingress("haproxy-ingress.github.io/timeout-server", asks.timeout());
    if asks.sticky {
        settings.ingress("haproxy-ingress.github.io/balance-algorithm", "source");
        settings.sticks_by_address();
    }
    settings.note("haproxy-ingress takes 2000 connections in all: raise max-connections in its ConfigMap");
}

pub(super) fn haproxy_technologies(asks: &Asks<'_>, settings: &mut ClassSettings) {
    settings.ingress("haproxy.org/timeout-server", asks.timeout());
    if asks.sticky {
        settings.ingress("haproxy.org/load-balance", "source");
        settings.sticks_by_address();
    }
    // Its tunnels may be silent for an hour, longer than any ping takes, so timeout-tunnel can stay as it is.
    settings.note(format!(
        "HAProxy Kubernetes Ingress Controller ends old processes after hard-stop-after, 30m by default, with every \
         connection of theirs: set that to {} in its ConfigMap",
        asks.timeout()
    ));
}

/// The router copies the annotations of an Ingress to the Route that it makes of it.
pub(super) fn openshift(asks: &Asks<'_>, settings: &mut ClassSettings) {
    settings.ingress("haproxy.router.openshift.io/timeout", asks.timeout());
    settings.ingress("haproxy.router.openshift.io/timeout-tunnel", asks.timeout());
    if asks.sticky {
        settings.ingress("haproxy.router.openshift.io/balance", "source");
        // Its cookie has no SameSite, so browsers do not send it from other sites; where they do, it would win.
        settings.ingress("haproxy.router.openshift.io/disable_cookies", "true");
        settings.sticks_by_address();
    }
}
