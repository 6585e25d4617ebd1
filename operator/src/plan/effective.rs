//! What was derived from the spec, as `status.effective` shows it.

use realtime_crds::{
    ValidService,
    v1alpha1::{Duration, Effective},
};

use super::{
    affinity,
    timeouts::{Budget, budget, seconds},
};

/// The block of `status.effective`.
#[must_use]
pub fn effective(service: &ValidService) -> Effective {
    let timeouts = &service.spec().timeouts;
    let choice = affinity::choose(service);
    let Budget {
        load_balancer_timeout_sec,
        move_from,
        move_until,
        ping_interval,
        ping_timeout,
        draining_timeout_sec,
        detach_sec,
        drain_sec: _,
        termination_grace_period_sec,
        min_ready_sec,
    } = budget(timeouts, service.way());
    Effective {
        max_connection_age: timeouts.max_connection_age,
        load_balancer_timeout_sec: seconds(load_balancer_timeout_sec),
        move_from,
        move_until,
        ping_interval,
        ping_timeout,
        detach: Duration::from_secs(detach_sec),
        drain: timeouts.drain,
        draining_timeout_sec: seconds(draining_timeout_sec),
        termination_grace_period_seconds: seconds(termination_grace_period_sec),
        min_ready_seconds: i32::try_from(min_ready_sec).unwrap_or(i32::MAX),
        affinity: choice.affinity.as_str().to_owned(),
        affinity_reason: choice.why.sentence().to_owned(),
    }
}
