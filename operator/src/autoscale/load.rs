//! PURE: what the pods report → how many connections there are, at the least and at the most.

use crate::fleet::{MISSES, Pod};

/// Open connections, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Those that pods report.
    pub reported: u64,
    /// Those that pods may hold which do not report.
    pub unseen: u64,
    /// Pods that stay and report.
    pub reporting: usize,
    /// Pods that stay and do not.
    pub silent: usize,
}

impl Load {
    /// Adds up what pods report. One that stays and is silent may be full, with as many connections as a pod should have, or with as
    /// many as it told of last.
    pub(crate) fn of<'p>(pods: impl IntoIterator<Item = &'p Pod>, share: u64) -> Self {
        pods.into_iter().fold(Self::default(), |sum, pod| {
            let report = pod.report.as_ref();
            match report.filter(|_| pod.misses < MISSES) {
                // What a leaving pod holds will be with the others in a moment.
                Some(report) => Self {
                    reported: sum.reported.saturating_add(report.connections),
                    reporting: sum.reporting + usize::from(!pod.leaving),
                    ..sum
                },
                // It may be gone already.
                None if pod.leaving => sum,
                None => Self {
                    unseen: sum.unseen.saturating_add(report.map_or(0, |report| report.connections).max(share)),
                    silent: sum.silent + 1,
                    ..sum
                },
            }
        })
    }

    /// A number that is known as a whole.
    pub(crate) fn known(connections: u64) -> Self {
        Self { reported: connections, reporting: 1, ..Self::default() }
    }
}
