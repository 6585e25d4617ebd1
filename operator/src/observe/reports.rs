//! PURE: what the pods reported → one story.

use std::collections::BTreeMap;

use realtime_crds::v1alpha1::DeniedOrigin;

use crate::fleet::{Backplane, Denied, MISSES, Pod, Report};

/// What the pods of a service say together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reports {
    /// Open connections.
    pub connections: i64,
    /// The origins denied most often.
    pub denied: Vec<DeniedOrigin>,
    /// Pods that run the generation.
    pub current: usize,
    /// Pods that run an older one, each with it.
    pub behind: Vec<(String, Option<i64>)>,
    /// Pods that do not answer.
    pub silent: Vec<String>,
    /// What pods say is wrong with the policy.
    pub problems: Vec<String>,
    /// Pods that reach the backplane.
    pub joined: usize,
    /// Pods that do not, each with why.
    pub apart: Vec<(String, Backplane)>,
}

const TABLE: usize = 10;

impl Reports {
    /// Adds up what the pods say; `None` where there is no pod to ask.
    #[must_use]
    pub fn of(pods: &BTreeMap<String, Pod>, generation: i64) -> Option<Self> {
        if pods.is_empty() {
            return None;
        }
        let mut sum = Self::default();
        let mut denied: BTreeMap<&str, DeniedOrigin> = BTreeMap::new();
        for (name, pod) in pods {
            let silent = pod.misses >= MISSES;
            let Some(report) = pod.report.as_ref().filter(|_| !silent) else {
                match (pod.leaving, silent) {
                    // It may be gone already.
                    (true, _) => {}
                    (false, true) => sum.silent.push(name.clone()),
                    (false, false) => sum.behind.push((name.clone(), None)),
                }
                continue;
            };
            let Report { generation: runs, problems, connections, denied: table, backplane } = report;
            sum.connections = sum.connections.saturating_add(i64::try_from(*connections).unwrap_or(i64::MAX));
            match runs {
                Some(runs) if *runs >= generation => sum.current += 1,
                _ if pod.leaving => {}
                runs => sum.behind.push((name.clone(), *runs)),
            }
            sum.problems.extend(problems.iter().filter(|_| !pod.leaving).map(|problem| format!("{name}: {problem}")));
            match backplane {
                Some(backplane) if backplane.connected => sum.joined += 1,
                Some(backplane) if !pod.leaving => sum.apart.push((name.clone(), backplane.clone())),
                Some(_) | None => {}
            }
            // The operator's own probe is no page that somebody has to look after.
            let of_pages = table.iter().filter(|line| line.origin != realtime_doctor::FOREIGN);
            of_pages.for_each(|line| add(&mut denied, line));
        }
        sum.denied = denied.into_values().collect();
        sum.denied.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.origin.cmp(&b.origin)));
        sum.denied.truncate(TABLE);
        Some(sum)
    }
}

fn add<'a>(table: &mut BTreeMap<&'a str, DeniedOrigin>, line: &'a Denied) {
    let Denied { origin, count, last_seen, reason, hint, message } = line;
    let count = i64::try_from(*count).unwrap_or(i64::MAX);
    table
        .entry(origin)
        .and_modify(|known| {
            known.count = known.count.saturating_add(count);
            if *last_seen > known.last_seen {
                known.last_seen.clone_from(last_seen);
            }
        })
        .or_insert_with(|| DeniedOrigin {
            origin: origin.clone(),
            count,
            last_seen: last_seen.clone(),
            reason: reason.clone(),
            hint: hint.clone(),
            message: message.clone(),
        });
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn pod(report: Option<Report>, leaving: bool) -> Pod {
        let misses = if report.is_none() { MISSES } else { 0 };
        Pod { uid: "u".to_owned(), address: IpAddr::V4(Ipv4Addr::LOCALHOST), leaving, cost: None, report, misses }
    }

    fn runs(generation: i64, denied: &[(&str, u64)]) -> Option<Report> {
        let line =
            |(origin, count): &(&str, u64)| Denied { origin: (*origin).to_owned(), count: *count, ..Denied::default() };
        Some(Report {
            generation: Some(generation),
            connections: 5,
            denied: denied.iter().map(line).collect(),
            ..Report::default()
        })
    }

    fn of<const N: usize>(pods: [(&str, Pod); N]) -> Reports {
        Reports::of(&pods.into_iter().map(|(name, pod)| (name.to_owned(), pod)).collect(), 4).expect("there are pods")
    }

    #[test]
    fn counts_of_an_origin_are_added_over_the_pods() {
        let sum = of([
            ("a", pod(runs(4, &[("https://x.com", 2), ("https://y.com", 5)]), false)),
            ("b", pod(runs(4, &[("https://x.com", 4)]), false)),
        ]);
        let table: Vec<_> = sum.denied.iter().map(|line| (line.origin.as_str(), line.count)).collect();
        assert_eq!(table, [("https://x.com", 6), ("https://y.com", 5)]);
        assert_eq!((sum.connections, sum.current), (10, 2));
    }

    #[test]
    fn the_operators_own_probe_is_no_page_that_was_denied() {
        let sum = of([("a", pod(runs(4, &[(realtime_doctor::FOREIGN, 9), ("https://x.com", 2)]), false))]);
        assert_eq!(sum.denied.iter().map(|line| line.origin.as_str()).collect::<Vec<_>>(), ["https://x.com"]);
    }

    #[test]
    fn a_leaving_pod_keeps_nobody_waiting() {
        let sum = of([("a", pod(runs(4, &[]), false)), ("b", pod(runs(3, &[]), true)), ("c", pod(None, true))]);
        assert!(sum.behind.is_empty() && sum.silent.is_empty());
        let sum = of([("a", pod(runs(4, &[]), false)), ("b", pod(runs(3, &[]), false)), ("c", pod(None, false))]);
        assert_eq!(sum.behind, [("b".to_owned(), Some(3))]);
        assert_eq!(sum.silent, ["c"]);
    }

    #[test]
    fn the_table_stays_at_ten_lines() {
        let names: Vec<String> = (0..10).map(|i| format!("https://{i}.com")).collect();
        let more: Vec<String> = (0..10).map(|i| format!("https://more{i}.com")).collect();
        let line = |names: &[String]| runs(4, &names.iter().map(|name| (name.as_str(), 1)).collect::<Vec<_>>());
        assert_eq!(of([("a", pod(line(&names), false)), ("b", pod(line(&more), false))]).denied.len(), TABLE);
    }
}
