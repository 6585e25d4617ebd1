//! One budget: from what a person sets to the number of every layer.

use realtime_crds::{
    Way,
    v1alpha1::{Duration, Timeouts},
};

use super::ingress_class::{Family, detach_sec};

/// Longest that Google's load balancers let connections drain (`connectionDraining.drainingTimeoutSec`).
pub const DRAINING_LIMIT_SEC: u64 = 3600;

/// The server moves a connection between these shares of its longest age, in percent, so that it is gone before the cut.
pub const MOVE_FROM_PERCENT: u32 = 80;
/// See [`MOVE_FROM_PERCENT`].
pub const MOVE_UNTIL_PERCENT: u32 = 95;

/// Seconds between two health checks, and how long an answer may take: Google refuses a timeout above the interval.
pub const HEALTH_INTERVAL_SEC: u64 = 5;
/// See [`HEALTH_INTERVAL_SEC`].
pub const HEALTH_TIMEOUT_SEC: u64 = 5;
/// Bad answers in a row that take an endpoint out.
pub const UNHEALTHY_THRESHOLD: u64 = 2;
/// Good answers in a row that take it in.
pub const HEALTHY_THRESHOLD: u64 = 1;

/// Time for the process to end after its last connection is gone.
const EXIT_MARGIN_SEC: u64 = 15;

/// What is known of a way in, and is nobody's to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Time that an endpoint takes to leave the load balancer.
    pub detach_sec: u64,
    /// Time that a new endpoint takes to be used.
    pub attach_sec: u64,
    /// Longest that connections of a leaving endpoint may live; none where nobody counts.
    pub draining_limit_sec: Option<u64>,
}

impl Facts {
    /// The facts of a way in.
    #[must_use]
    pub fn of(way: &Way) -> Self {
        // A network endpoint group of Google's takes up to a minute until the load balancer has noticed; kube-proxy and the
        // controllers that follow EndpointSlices need seconds.
        match way {
            Way::Gke(_) | Way::GkeGateway(_) => {
                Self { detach_sec: 60, attach_sec: 10, draining_limit_sec: Some(DRAINING_LIMIT_SEC) }
            }
            Way::Ingress(ingress) => {
                let detach_sec = detach_sec(Family::of(ingress.class_name.as_deref(), None));
                Self { detach_sec, attach_sec: 5, draining_limit_sec: None }
            }
            Way::Gateway(_) | Way::Inside => Self { detach_sec: 10, attach_sec: 5, draining_limit_sec: None },
        }
    }
}

/// The numbers that each layer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Seconds after which the load balancer cuts a connection.
    pub load_balancer_timeout_sec: u64,
    /// Age at which the server begins to move a connection.
    pub move_from: Duration,
    /// Age by which it has moved it.
    pub move_until: Duration,
    /// Time between two pings.
    pub ping_interval: Duration,
    /// How long the answer may take.
    pub ping_timeout: Duration,
    /// Seconds that the load balancer lets connections of a leaving pod live.
    pub draining_timeout_sec: u64,
    /// Seconds that a pod goes on serving after it was told to go.
    pub detach_sec: u64,
    /// Seconds over which it then moves its connections away.
    pub drain_sec: u64,
    /// Seconds that the kubelet waits for a pod to end.
    pub termination_grace_period_sec: u64,
    /// Seconds that a new pod is ready before an old one is told to go.
    pub min_ready_sec: u64,
}

/// Derives every number from `spec.timeouts` and from the facts of the way in.
#[must_use]
pub fn budget(timeouts: &Timeouts, way: &Way) -> Budget {
    let Timeouts { max_connection_age, drain, ping_interval, ping_timeout } = *timeouts;
    let Facts { detach_sec, attach_sec, draining_limit_sec } = Facts::of(way);
    let drain_sec = drain.as_secs_ceil();
    let draining = detach_sec + drain_sec;
    Budget {
        load_balancer_timeout_sec: max_connection_age.as_secs_ceil(),
        move_from: share(max_connection_age, MOVE_FROM_PERCENT),
        move_until: share(max_connection_age, MOVE_UNTIL_PERCENT),
        ping_interval,
        ping_timeout,
        draining_timeout_sec: draining_limit_sec.map_or(draining, |limit| draining.min(limit)),
        detach_sec,
        drain_sec,
        termination_grace_period_sec: draining + EXIT_MARGIN_SEC,
        min_ready_sec: attach_sec,
    }
}

fn share(whole: Duration, percent: u32) -> Duration {
    // Whole milliseconds, as a duration is written.
    let millis = whole.get().as_millis() * u128::from(percent) / 100;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Kubernetes writes seconds as int64.
pub(crate) fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
