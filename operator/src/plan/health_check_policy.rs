//! How Google's load balancer behind a Gateway asks for health: it infers nothing from the pods' probes.

use realtime_crds::{
    ValidService,
    foreign::{
        HealthCheckPolicy, HealthCheckPolicySpec, TargetRef,
        health_check_policy::{Config, HealthCheck, HttpHealthCheck, LogConfig, PortSpecification, Protocol},
    },
};

use super::{
    health,
    names::{Names, metadata},
    service::SERVER_PORT,
    timeouts::{HEALTH_INTERVAL_SEC, HEALTH_TIMEOUT_SEC, HEALTHY_THRESHOLD, UNHEALTHY_THRESHOLD, seconds},
};

pub(crate) fn build(service: &ValidService) -> HealthCheckPolicy {
    let name = Names::of(service).main();
    let default = HealthCheck {
        check_interval_sec: seconds(HEALTH_INTERVAL_SEC),
        timeout_sec: seconds(HEALTH_TIMEOUT_SEC),
        healthy_threshold: seconds(HEALTHY_THRESHOLD),
        unhealthy_threshold: seconds(UNHEALTHY_THRESHOLD),
        log_config: LogConfig { enabled: false },
        config: Config {
            protocol: Protocol::Http,
            http_health_check: HttpHealthCheck {
                port_specification: PortSpecification::UseFixedPort,
                port: Some(i64::from(SERVER_PORT)),
                request_path: health::path(service).to_owned(),
                host: None,
                response: None,
            },
        },
    };
    let mut policy =
        HealthCheckPolicy::new("", HealthCheckPolicySpec { default, target_ref: TargetRef::service(&name) });
    policy.metadata = metadata(service, name);
    policy
}
