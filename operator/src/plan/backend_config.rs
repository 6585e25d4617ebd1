//! Google's load balancer backend behind an Ingress: timeout, draining, affinity, health check and what guards it.

use realtime_crds::{
    ValidService,
    foreign::{
        BackendConfig, BackendConfigSpec, ConnectionDraining, HealthCheck, Logging, SessionAffinity,
        backend_config::{CustomRequestHeaders, Iap, OauthClientCredentials, SecurityPolicy},
    },
    v1alpha1::{GkeClass, GkeExposure},
};

use super::{
    affinity::{self, Affinity},
    health,
    names::{Names, metadata},
    service::SERVER_PORT,
    timeouts::{Budget, HEALTH_INTERVAL_SEC, HEALTH_TIMEOUT_SEC, HEALTHY_THRESHOLD, UNHEALTHY_THRESHOLD, seconds},
};

pub(crate) fn build(service: &ValidService, gke: &GkeExposure, budget: &Budget) -> BackendConfig {
    // Every field explicitly: GKE does not revert a field that is taken away.
    let spec = BackendConfigSpec {
        timeout_sec: seconds(budget.load_balancer_timeout_sec),
        connection_draining: ConnectionDraining { draining_timeout_sec: seconds(budget.draining_timeout_sec) },
        session_affinity: SessionAffinity {
            affinity_type: word(affinity::choose(service).affinity).to_owned(),
            affinity_cookie_ttl_sec: Some(0),
        },
        health_check: HealthCheck {
            check_interval_sec: seconds(HEALTH_INTERVAL_SEC),
            timeout_sec: seconds(HEALTH_TIMEOUT_SEC),
            healthy_threshold: seconds(HEALTHY_THRESHOLD),
            unhealthy_threshold: seconds(UNHEALTHY_THRESHOLD),
            protocol: "HTTP".to_owned(),
            port: i64::from(SERVER_PORT),
            request_path: health::path(service).to_owned(),
        },
        logging: Logging {
            enable: gke.logging.is_some(),
            sample_rate: gke.logging.map_or(0.0, |logging| logging.sample_rate),
        },
        // An empty name detaches what was attached; the internal load balancer refuses even that.
        security_policy: (gke.class == GkeClass::Gce)
            .then(|| SecurityPolicy { name: gke.security_policy.clone().unwrap_or_default() }),
        // Explicitly off: taken away it would stay on.
        iap: Some(Iap {
            enabled: gke.iap.is_some(),
            oauth_client_credentials: gke
                .iap
                .as_ref()
                .map(|iap| OauthClientCredentials { secret_name: iap.secret_name.clone() }),
        }),
        // The internal load balancer takes none.
        custom_request_headers: (gke.class == GkeClass::Gce)
            .then(|| CustomRequestHeaders { headers: gke.custom_request_headers.clone() }),
        // Absent, GKE clears them; written and empty, it would update the backend at every sync.
        custom_response_headers: None,
    };
    let mut config = BackendConfig::new("", spec);
    config.metadata = metadata(service, Names::of(service).main());
    config
}

/// Google's word. Nothing chooses a cookie here: Google sets it without SameSite=None.
pub(crate) const fn word(affinity: Affinity) -> &'static str {
    match affinity {
        Affinity::None | Affinity::Cookie => "NONE",
        Affinity::ClientIp => "CLIENT_IP",
    }
}
