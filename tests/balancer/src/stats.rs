//! Envoy's statistics, by their own names and by what they mean here.

use std::collections::BTreeMap;

/// Envoy's statistics at one moment.
#[derive(Clone, Debug)]
pub struct Stats {
    numbers: BTreeMap<String, u64>,
}

/// The statistics of a Service's backends, summed up over its ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceStats {
    /// Open connections to endpoints.
    pub connections: u64,
    /// Connections to endpoints since the start.
    pub connections_total: u64,
    /// Requests under way, WebSockets among them.
    pub requests: u64,
    /// Requests since the start.
    pub requests_total: u64,
    /// Requests that an endpoint, or a cut connection to it, ended before they were complete.
    pub resets_by_endpoint: u64,
    /// Requests that the load balancer or the client ended before they were complete.
    pub resets_by_balancer: u64,
    /// Requests that found no healthy endpoint.
    pub none_healthy: u64,
}

impl Stats {
    pub(crate) fn new(numbers: BTreeMap<String, u64>) -> Self {
        Self { numbers }
    }

    /// One by Envoy's name for it; 0 where there is none.
    pub fn get(&self, name: &str) -> u64 {
        self.numbers.get(name).copied().unwrap_or(0)
    }

    /// Those of a Service.
    pub fn service(&self, namespace: &str, service: &str) -> ServiceStats {
        let prefix = format!("cluster.{namespace}/{service}/");
        let sum = |suffix: &str| -> u64 {
            let of_service = self.numbers.range(prefix.clone()..).take_while(|(name, _)| name.starts_with(&prefix));
            let wanted = of_service.filter(|(name, _)| {
                name.split_once('.').and_then(|(_, rest)| rest.split_once('.')).is_some_and(|(_, stat)| stat == suffix)
            });
            wanted.map(|(_, value)| value).sum()
        };
        ServiceStats {
            connections: sum("upstream_cx_active"),
            connections_total: sum("upstream_cx_total"),
            requests: sum("upstream_rq_active"),
            requests_total: sum("upstream_rq_total"),
            resets_by_endpoint: sum("upstream_rq_rx_reset"),
            resets_by_balancer: sum("upstream_rq_tx_reset"),
            none_healthy: sum("upstream_cx_none_healthy"),
        }
    }

    /// Open connections of clients, plain and TLS.
    pub fn client_connections(&self) -> u64 {
        self.get("http.http.downstream_cx_active") + self.get("http.https.downstream_cx_active")
    }

    /// Open WebSockets of clients.
    pub fn websockets(&self) -> u64 {
        self.get("http.http.downstream_cx_upgrades_active") + self.get("http.https.downstream_cx_upgrades_active")
    }

    /// Requests, WebSockets among them, that reached the backend's timeout since the start.
    pub fn timeouts(&self) -> u64 {
        self.get("http.http.downstream_rq_max_duration_reached")
            + self.get("http.https.downstream_rq_max_duration_reached")
    }
}
