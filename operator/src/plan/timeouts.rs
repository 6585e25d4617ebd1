//! One budget: from what a person sets to the number of every layer.

use realtime_crds::{
    Way,
    v1alpha1::{Duration, Effective, Timeouts},
};

/// Longest that Google's load balancer lets connections drain (BackendConfig `connectionDraining.drainingTimeoutSec`).
pub const DRAINING_LIMIT_SEC: u64 = 3600;

/// Time that an endpoint takes to leave the load balancer.
// A GKE network endpoint group takes up to a minute until the load balancer has noticed; kube-proxy and the usual
// Ingress controllers follow an EndpointSlice within seconds.
const DETACH_GKE_SEC: u64 = 60;
const DETACH_OTHER_SEC: u64 = 10;

/// Time for the process to end after its last connection is gone.
const EXIT_MARGIN_SEC: u64 = 15;

/// The numbers that each layer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Seconds after which the load balancer cuts a connection.
    pub load_balancer_timeout_sec: u64,
    /// Seconds that the load balancer lets connections of a leaving pod live.
    pub draining_timeout_sec: u64,
    /// Seconds that a pod goes on serving after it was told to go.
    pub detach_sec: u64,
    /// Seconds over which it then moves its connections away.
    pub drain_sec: u64,
    /// Seconds that the kubelet waits for a pod to end.
    pub termination_grace_period_sec: u64,
}

/// Derives every number from `spec.timeouts` and from the facts of the exposure.
#[must_use]
pub fn budget(timeouts: &Timeouts, way: &Way) -> Budget {
    let detach_sec = match way {
        Way::Gke(_) => DETACH_GKE_SEC,
        Way::Ingress(_) | Way::Inside => DETACH_OTHER_SEC,
    };
    let drain_sec = timeouts.drain.as_secs_ceil();
    Budget {
        load_balancer_timeout_sec: timeouts.max_connection_age.as_secs_ceil(),
        draining_timeout_sec: (detach_sec + drain_sec).min(DRAINING_LIMIT_SEC),
        detach_sec,
        drain_sec,
        termination_grace_period_sec: detach_sec + drain_sec + EXIT_MARGIN_SEC,
    }
}

impl Budget {
    /// The same as `status.effective`.
    #[must_use]
    pub fn effective(&self, timeouts: &Timeouts) -> Effective {
        let Self {
            load_balancer_timeout_sec,
            draining_timeout_sec,
            detach_sec,
            drain_sec: _,
            termination_grace_period_sec,
        } = *self;
        Effective {
            max_connection_age: timeouts.max_connection_age,
            load_balancer_timeout_sec: seconds(load_balancer_timeout_sec),
            draining_timeout_sec: seconds(draining_timeout_sec),
            detach: Duration::from_secs(detach_sec),
            termination_grace_period_seconds: seconds(termination_grace_period_sec),
        }
    }
}

/// Kubernetes writes seconds as int64.
pub(crate) fn seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use realtime_crds::v1alpha1::GkeExposure;

    use super::*;

    fn ways() -> impl Strategy<Value = Way> {
        prop_oneof![Just(Way::Gke(GkeExposure::default())), Just(Way::Inside)]
    }

    proptest! {
        #[test]
        fn the_pod_outlives_its_drain_and_the_load_balancer_waits_for_it(
            age in 10_u64..=86_400, drain in 0_u64..=3540, way in ways()
        ) {
            let timeouts = Timeouts {
                max_connection_age: Duration::from_secs(age),
                drain: Duration::from_secs(drain),
                ..Timeouts::default()
            };
            let budget = budget(&timeouts, &way);
            prop_assert!(budget.termination_grace_period_sec > budget.detach_sec + budget.drain_sec);
            prop_assert!(budget.draining_timeout_sec >= budget.detach_sec + budget.drain_sec);
            prop_assert!(budget.draining_timeout_sec <= DRAINING_LIMIT_SEC);
            prop_assert_eq!(budget.load_balancer_timeout_sec, age);
        }
    }
}
