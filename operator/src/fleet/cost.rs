//! PURE: which pod goes first when there are to be fewer. The ReplicaSet takes the pod with the lowest deletion cost, and the cost of a
//! pod here is the number of its connections.

use std::collections::BTreeMap;

use super::Pod;

/// The annotation, <https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#pod-deletion-cost>.
pub(crate) const ANNOTATION: &str = "controller.kubernetes.io/pod-deletion-cost";
/// A difference that is not worth a request, in connections and as a part of what is written.
const SLACK: (i64, i64) = (8, 8);

/// The costs to write, by pod. While nobody asks for fewer pods only what has changed a lot: connections come and go all the time. A pod
/// that reports nothing may have a cost of its owner's own.
pub(crate) fn due(pods: &BTreeMap<String, Pod>, are_fewer_wanted: bool) -> Vec<(&str, &Pod, i64)> {
    let reporting = || pods.iter().filter(|(_, pod)| !pod.leaving && pod.report.is_some());
    if reporting().count() < 2 {
        return Vec::new();
    }
    let wanted = reporting().filter_map(|(name, pod)| {
        let cost = i64::try_from(pod.report.as_ref()?.connections).unwrap_or(i64::MAX).min(i64::from(i32::MAX));
        let written = i64::from(pod.cost.unwrap_or(0));
        let slack = if are_fewer_wanted { 0 } else { SLACK.0.max(written.abs() / SLACK.1) };
        ((cost - written).abs() > slack).then_some((name.as_str(), pod, cost))
    });
    wanted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Report;

    fn pods(of: &[(u64, Option<i32>)]) -> BTreeMap<String, Pod> {
        let pod = |(number, (connections, cost)): (usize, &(u64, Option<i32>))| {
            let report = Some(Report { connections: *connections, ..Report::default() });
            let address = [127, 0, 0, 1].into();
            let uid = number.to_string();
            (format!("pod-{number}"), Pod { uid, address, leaving: false, cost: *cost, report, misses: 0 })
        };
        of.iter().enumerate().map(pod).collect()
    }

    fn costs(pods: &BTreeMap<String, Pod>, are_fewer_wanted: bool) -> Vec<(String, i64)> {
        due(pods, are_fewer_wanted).into_iter().map(|(name, _, cost)| (name.to_owned(), cost)).collect()
    }

    #[test]
    fn idle_pods_cost_no_request() {
        assert!(costs(&pods(&[(0, None), (0, None)]), true).is_empty());
    }

    #[test]
    fn a_few_connections_more_are_not_written_until_fewer_pods_are_wanted() {
        let crowd = pods(&[(1000, Some(1000)), (1090, Some(1000)), (4, None)]);
        assert!(costs(&crowd, false).is_empty());
        assert_eq!(costs(&crowd, true), [("pod-1".to_owned(), 1090), ("pod-2".to_owned(), 4)]);
    }

    #[test]
    fn many_more_are_written_at_once() {
        assert_eq!(costs(&pods(&[(500, Some(400)), (9, None)]), false).len(), 2);
    }

    #[test]
    fn the_only_pod_and_one_that_reports_nothing_are_left_alone() {
        assert!(costs(&pods(&[(500, None)]), true).is_empty());
        let mut two = pods(&[(500, None), (500, Some(7))]);
        two.get_mut("pod-1").expect("there").report = None;
        assert!(costs(&two, true).is_empty());
    }
}
