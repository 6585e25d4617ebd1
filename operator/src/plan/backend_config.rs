//! Google's load balancer backend: timeout, draining, affinity and health check.

use realtime_crds::{
    ValidService,
    foreign::{BackendConfig, BackendConfigSpec, ConnectionDraining, HealthCheck, Logging, SessionAffinity},
    v1alpha1::Transport,
};

use super::{
    names::{Names, metadata},
    service::{READY_PATH, SERVER_PORT},
    timeouts::{Budget, seconds},
};

pub(crate) fn build(service: &ValidService, budget: &Budget) -> BackendConfig {
    // Every field explicitly: GKE does not revert a field that is taken away.
    let spec = BackendConfigSpec {
        timeout_sec: seconds(budget.load_balancer_timeout_sec),
        connection_draining: ConnectionDraining { draining_timeout_sec: seconds(budget.draining_timeout_sec) },
        session_affinity: SessionAffinity { affinity_type: affinity(service).to_owned() },
        health_check: HealthCheck {
            check_interval_sec: 5,
            timeout_sec: 5,
            healthy_threshold: 1,
            unhealthy_threshold: 2,
            protocol: "HTTP".to_owned(),
            port: i64::from(SERVER_PORT),
            request_path: READY_PATH.to_owned(),
        },
        logging: Logging { enable: false, sample_rate: 0.0 },
    };
    let mut config = BackendConfig::new("", spec);
    config.metadata = metadata(service, Names::of(service).main());
    config
}

/// A polling session has to find the pod that knows it. GENERATED_COOKIE would not do: Google sets it without
/// SameSite=None, so browsers do not send it from another site.
fn affinity(service: &ValidService) -> &'static str {
    let spec = service.spec();
    let polling = spec.transports.contains(&Transport::Polling);
    if polling && spec.workload.replicas > 1 { "CLIENT_IP" } else { "NONE" }
}
