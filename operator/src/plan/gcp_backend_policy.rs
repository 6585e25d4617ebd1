//! Google's load balancer backend behind a Gateway: timeout, draining, affinity and what guards it.

use realtime_crds::{
    ValidService,
    foreign::{
        GcpBackendPolicy, GcpBackendPolicySpec, TargetRef,
        gcp_backend_policy::{self, BackendPolicy, ConnectionDraining, Iap, Logging, SecretRef, SessionAffinity},
    },
    v1alpha1::GkeGatewayExposure,
};

use super::{
    affinity::{self, Affinity},
    names::{Names, metadata},
    timeouts::{Budget, seconds},
};

/// Google counts the sampled share of requests in millionths.
const SAMPLE_SCALE: f64 = 1_000_000.0;

pub(crate) fn build(service: &ValidService, gateway: &GkeGatewayExposure, budget: &Budget) -> GcpBackendPolicy {
    let name = Names::of(service).main();
    let default = BackendPolicy {
        timeout_sec: seconds(budget.load_balancer_timeout_sec),
        connection_draining: ConnectionDraining { draining_timeout_sec: seconds(budget.draining_timeout_sec) },
        session_affinity: SessionAffinity {
            by: match affinity::choose(service).affinity {
                Affinity::None | Affinity::Cookie => gcp_backend_policy::Affinity::None,
                Affinity::ClientIp => gcp_backend_policy::Affinity::ClientIp,
            },
            cookie_ttl_sec: None,
        },
        logging: Logging {
            enabled: gateway.logging.is_some(),
            // The schema keeps the share between 0 and 1.
            #[allow(clippy::cast_possible_truncation)]
            sample_rate: gateway.logging.map(|logging| (logging.sample_rate * SAMPLE_SCALE).round() as i32),
        },
        security_policy: gateway.security_policy.clone(),
        iap: gateway.iap.as_ref().map(|iap| Iap {
            enabled: true,
            oauth2_client_secret: Some(SecretRef { name: iap.secret_name.clone() }),
            client_id: gateway.iap_client_id.clone(),
        }),
    };
    let spec = GcpBackendPolicySpec { default, target_ref: TargetRef::service(&name) };
    let mut policy = GcpBackendPolicy::new("", spec);
    policy.metadata = metadata(service, name);
    policy
}
