//! Controllers around Envoy. Its route timeout, 15 s by default, would cut long polls; it does not run while a
//! WebSocket is open.

use super::{Asks, ClassSettings};

/// Envoy drops a stream that is silent for so long, by default.
const STREAM_IDLE_SEC: u64 = 300;

/// Connections and requests that one Envoy may have open to a Service; the default, 1024, is 1024 clients.
const OPEN: &str = "1000000";

pub(super) fn contour(asks: &Asks<'_>, settings: &mut ClassSettings) {
    settings.ingress("projectcontour.io/websocket-routes", asks.path);
    settings.ingress("projectcontour.io/response-timeout", asks.timeout());
    settings.service("projectcontour.io/max-connections", OPEN);
    settings.service("projectcontour.io/max-pending-requests", OPEN);
    settings.service("projectcontour.io/max-requests", OPEN);
    if asks.sticky {
        settings.does_not_stick("Contour has affinity for its HTTPProxy alone");
    }
    if asks.idle_sec >= STREAM_IDLE_SEC {
        settings.note(format!(
            "Contour drops what is silent for 5 minutes: set timeouts.stream-idle-timeout to more than {}s in its \
             configuration",
            asks.idle_sec
        ));
    }
}

pub(super) fn cilium(asks: &Asks<'_>, settings: &mut ClassSettings) {
    settings.ingress("ingress.cilium.io/request-timeout", asks.timeout());
    // Later versions need no switch for WebSockets, and ignore it.
    settings.ingress("ingress.cilium.io/websocket", "enabled");
    if asks.sticky {
        settings.does_not_stick("Cilium Ingress has no affinity");
    }
    if asks.idle_sec >= STREAM_IDLE_SEC {
        settings.note(format!(
            "Cilium's Envoy drops what is silent for 5 minutes: keep pingInterval + pingTimeout below that instead \
             of {}s",
            asks.idle_sec
        ));
    }
}

/// Istio reads no annotation of an Ingress but its class, sets no route timeout and lets streams be silent.
pub(super) fn istio(asks: &Asks<'_>, settings: &mut ClassSettings) {
    if asks.sticky {
        settings.does_not_stick(&format!(
            "give host {} a DestinationRule with trafficPolicy.loadBalancer.consistentHash.useSourceIp: true",
            asks.service
        ));
    }
}
