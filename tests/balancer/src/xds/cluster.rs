//! A backend → an Envoy cluster, whose endpoints are a part of their own, so that they come and go without it.

use serde_json::{Value, json};

use super::{Kind, duration, source};
use crate::model::{Affinity, Backend, BackendId, HealthCheck};

/// Google's load balancer keeps idle connections to backends for as long.
const KEEP_ALIVE: &str = "600s";

pub(super) fn cluster(id: &BackendId, backend: &Backend) -> Value {
    let policy = match backend.affinity {
        // A cookie names its endpoint; the first request of a client is dealt in turn.
        Affinity::None | Affinity::Cookie { .. } => "ROUND_ROBIN",
        Affinity::ClientIp => "RING_HASH",
    };
    json!({
        "@type": Kind::Clusters.type_url(),
        "name": id.to_string(),
        "type": "EDS",
        "eds_cluster_config": {"eds_config": source()},
        "connect_timeout": "5s",
        "lb_policy": policy,
        // Nobody healthy means nobody, not everybody.
        // Health counts at once, not with others of the same second.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}, "update_merge_window": "0s"},
        // Who is taken out gets nothing new, however well it answers.
        "ignore_health_on_host_removal": true,
        "health_checks": backend.health_check.iter().map(health_check).collect::<Vec<_>>(),
        "circuit_breakers": {"thresholds": [{
            "max_connections": u32::MAX, "max_pending_requests": u32::MAX, "max_requests": u32::MAX, "max_retries": u32::MAX,
        }]},
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "common_http_protocol_options": {"idle_timeout": KEEP_ALIVE},
            "explicit_http_config": {"http_protocol_options": {}},
        }},
    })
}

fn health_check(check: &HealthCheck) -> Value {
    let HealthCheck { interval, timeout, healthy_threshold, unhealthy_threshold, port: _, path } = check;
    json!({
        "interval": duration(*interval),
        // Envoy asks rarely where it sends nothing; Google asks all alike.
        "no_traffic_interval": duration(*interval),
        "timeout": duration(*timeout),
        "healthy_threshold": healthy_threshold,
        "unhealthy_threshold": unhealthy_threshold,
        "reuse_connection": false,
        "http_health_check": {
            "path": path,
            "expected_statuses": [{"start": 200, "end": 201}],
            // These count towards the threshold as no answer does; without this one of them is enough.
            "retriable_statuses": [{"start": 100, "end": 200}, {"start": 201, "end": 600}],
            "request_headers_to_add": [{
                "header": {"key": "user-agent", "value": "GoogleHC/1.0"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            }],
        },
    })
}
