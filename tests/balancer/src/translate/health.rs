//! The health check of a BackendConfig, with what GKE takes where it says nothing.

use super::{SyncError, backend::seconds_of};
use crate::{gke::HealthCheckConfig, model::HealthCheck};

pub(crate) fn check(config: &str, check: Option<&HealthCheckConfig>) -> Result<HealthCheck, SyncError> {
    let HealthCheckConfig {
        check_interval_sec,
        timeout_sec,
        healthy_threshold,
        unhealthy_threshold,
        protocol,
        port,
        request_path,
    } = check.cloned().unwrap_or_default();
    let refused =
        |field: &'static str, why: String| SyncError::BadBackendConfig { config: config.to_owned(), field, why };
    match protocol.as_deref() {
        None | Some("HTTP") => {}
        Some(other) => {
            return Err(refused("healthCheck.type", format!("{other}: the local load balancer speaks HTTP to pods")));
        }
    }
    let interval = seconds_of(config, "healthCheck.checkIntervalSec", check_interval_sec.unwrap_or(15), 1, 300)?;
    let timeout = seconds_of(config, "healthCheck.timeoutSec", timeout_sec.unwrap_or(15), 1, 300)?;
    if timeout > interval {
        return Err(refused("healthCheck.timeoutSec", "it must not be greater than checkIntervalSec".to_owned()));
    }
    let threshold = |field: &'static str, value: Option<i64>, default: i64| {
        let value = value.unwrap_or(default);
        u32::try_from(value)
            .ok()
            .filter(|value| (1..=10).contains(value))
            .ok_or_else(|| refused(field, format!("{value} is not between 1 and 10")))
    };
    let port = port.map(|port| {
        let number = u16::try_from(port).ok().filter(|port| *port != 0);
        number.ok_or_else(|| refused("healthCheck.port", format!("{port} is no port")))
    });
    let path = request_path.unwrap_or_else(|| "/".to_owned());
    if !path.starts_with('/') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refused("healthCheck.requestPath", format!("\"{path}\" is no path")));
    }
    Ok(HealthCheck {
        interval,
        timeout,
        healthy_threshold: threshold("healthCheck.healthyThreshold", healthy_threshold, 1)?,
        unhealthy_threshold: threshold("healthCheck.unhealthyThreshold", unhealthy_threshold, 2)?,
        port: port.transpose()?,
        path,
    })
}
