//! How long a rollout takes until the last connection has moved.
//!
//! Pods are replaced in waves of a quarter, rounded up: `waves = ⌈pods / ⌈pods / 4⌉⌉`. A wave is over when its new pods have
//! started and have been ready for `minReadySeconds`. Then as many old pods are told to go, and the next wave begins at once:
//! pods that are on their way out do not count. Only the last ones are waited for, so
//!
//! `seconds = waves × (START_SEC + minReadySeconds) + detach + drain`.

use serde::Serialize;

/// Seconds that a pod is taken to need until it is ready. Pulling an image and adding a node come on top.
pub const START_SEC: u64 = 10;

/// All pods are replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// The fields that do it; none where the pods in the cluster differ for another reason.
    pub because: Vec<String>,
    /// How many pods.
    pub pods: i32,
    /// In how many steps.
    pub waves: u64,
    /// How many pods in each.
    pub pods_per_wave: u64,
    /// How long a new pod has to be ready.
    pub min_ready_sec: u64,
    /// How long an old pod then goes on serving.
    pub detach_sec: u64,
    /// How long it then takes to move its connections.
    pub drain_sec: u64,
    /// Until the last connection has moved.
    pub seconds: u64,
}

/// What an old pod does when it is told to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Farewell {
    pub(super) detach_sec: u64,
    pub(super) drain_sec: u64,
}

impl Farewell {
    pub(super) const fn seconds(self) -> u64 {
        self.detach_sec + self.drain_sec
    }
}

impl Rollout {
    pub(super) fn estimate(because: Vec<String>, pods: i32, min_ready_sec: u64, farewell: Farewell) -> Self {
        let count = u64::try_from(pods).unwrap_or(0).max(1);
        let pods_per_wave = count.div_ceil(4);
        let waves = count.div_ceil(pods_per_wave);
        let Farewell { detach_sec, drain_sec } = farewell;
        let seconds = waves * (START_SEC + min_ready_sec) + farewell.seconds();
        Self { because, pods, waves, pods_per_wave, min_ready_sec, detach_sec, drain_sec, seconds }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(pods: i32) -> Rollout {
        Rollout::estimate(Vec::new(), pods, 10, Farewell { detach_sec: 60, drain_sec: 60 })
    }

    #[test]
    fn waves_are_quarters_and_only_the_last_farewell_is_waited_for() {
        let seen: Vec<_> = [1, 3, 4, 5, 10, 40, 1000].map(|pods| (of(pods).waves, of(pods).pods_per_wave)).into();
        assert_eq!(seen, [(1, 1), (3, 1), (4, 1), (3, 2), (4, 3), (4, 10), (4, 250)]);
        assert_eq!(of(3).seconds, 3 * (10 + 10) + 60 + 60);
        assert_eq!(of(1000).seconds, 4 * (10 + 10) + 60 + 60);
    }

    proptest! {
        #[test]
        fn the_waves_cover_all_pods_and_are_four_at_the_most(pods in 1_i32..=1000) {
            let rollout = of(pods);
            let count = u64::try_from(pods).expect("positive");
            prop_assert!(rollout.waves * rollout.pods_per_wave >= count);
            prop_assert!((rollout.waves - 1) * rollout.pods_per_wave < count);
            prop_assert!(rollout.waves <= 4);
        }
    }
}
