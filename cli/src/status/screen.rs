//! PURE: the screen.

use std::fmt::Write;

use k8s_openapi::jiff::Timestamp;

use super::{
    timeline,
    view::{PodView, View},
};

/// The screen, without a newline at its end.
pub(super) fn of(view: &View) -> String {
    let mut text = format!("{}/{}", view.namespace, view.name);
    match view.ready() {
        Some(ready) if view.is_current() => _ = write!(text, "   Ready={} {}", ready.status, ready.reason),
        Some(_) => {
            _ = write!(
                text,
                "   the operator has seen generation {} of {}: what follows is of then",
                view.observed, view.generation
            );
        }
        None => text += "   no operator has looked at it yet: does one run, and does it watch this namespace?",
    }
    if let Some(url) = &view.url {
        _ = write!(text, "\n{url}");
    }
    for condition in view.conditions.iter().filter(|condition| !is_well(&condition.type_, &condition.status)) {
        _ = write!(text, "\n  {}={} {}: {}", condition.type_, condition.status, condition.reason, condition.message);
    }
    // What does not hold is said above.
    if let Some(probe) = view.probe().filter(|probe| probe.status == "True") {
        let since = ago(view.now, probe.last_transition_time.0);
        _ = write!(text, "\nprobe       {} ({}, for {since})", probe.message, probe.reason);
    }
    if let Some(effective) = &view.effective {
        _ = write!(text, "\n\n{}", timeline::of(effective));
    }
    text += &pods(view);
    if !view.denied.is_empty() {
        text += "\n\ndenied origins";
        for line in &view.denied {
            _ = write!(text, "\n  {:>6} × {}   {}: {}", line.count, line.origin, line.reason, line.message);
        }
    }
    if !view.events.is_empty() {
        text += "\n\nevents";
        for event in &view.events {
            _ = write!(text, "\n  {:>6} ago  {} {}: {}", ago(view.now, event.at), event.kind, event.reason, event.note);
        }
    }
    text
}

/// What a person need not read: Reconciling and Stalled are there only while there is something to say.
fn is_well(kind: &str, status: &str) -> bool {
    status == "True" && !matches!(kind, "Reconciling" | "Stalled")
}

fn pods(view: &View) -> String {
    let connections = view.connections.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let mut text = format!("\n\npods {}   connections {connections}", view.wanted.as_deref().unwrap_or("-"));
    if view.pods.is_empty() {
        return text;
    }
    let most = view.pods.iter().filter_map(|pod| pod.connections).max().unwrap_or(0);
    let longest = view.pods.iter().map(|pod| pod.name.len()).max().unwrap_or(0);
    for pod in &view.pods {
        let PodView { name, state, restarts, node, .. } = pod;
        let policy = match pod.policy_generation {
            Some(generation) if generation >= view.generation => "policy current".to_owned(),
            Some(generation) => format!("policy of generation {generation}"),
            None => "policy unknown".to_owned(),
        };
        let backplane = match pod.backplane {
            Some(true) => "   backplane connected",
            Some(false) => "   backplane AWAY",
            None => "",
        };
        let restarts = if *restarts > 0 { format!("   {restarts} restarts") } else { String::new() };
        let count = pod.connections.map_or_else(|| "-".to_owned(), |count| count.to_string());
        _ = write!(
            text,
            "\n  {name:<longest$}  {state:<10} {count:>6} {:<12}  {policy}{backplane}{restarts}   {node}",
            bar(pod.connections, most)
        );
    }
    text
}

fn bar(count: Option<u64>, most: u64) -> String {
    let count = count.unwrap_or(0);
    "█".repeat(usize::try_from((count * 12).div_ceil(most.max(1))).unwrap_or(0))
}

fn ago(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use realtime_crds::RealtimeService;
    use serde_json::json;

    use super::*;
    use crate::verdict::Verdict;

    fn view(status: serde_json::Value) -> View {
        let service: RealtimeService = serde_json::from_value(json!({
            "apiVersion": "realtime-operator.dev/v1alpha1", "kind": "RealtimeService",
            "metadata": {"name": "chat", "namespace": "shop", "generation": 4},
            "spec": {"host": "chat.domain-a.com", "origins": {"allow": ["https://app.domain-b.com"]}}, "status": status,
        }))
        .expect("a service");
        let pod = |name: &str, connections, generation| PodView {
            name: name.to_owned(),
            state: "Ready".to_owned(),
            restarts: 0,
            connections,
            policy_generation: generation,
            backplane: Some(true),
            node: "node-1".to_owned(),
        };
        let pods = vec![pod("chat-a", Some(40), Some(4)), pod("chat-b", Some(10), Some(3)), pod("chat-c", None, None)];
        View::new(service, pods, Vec::new(), Timestamp::UNIX_EPOCH)
    }

    fn ready(status: &str, reason: &str) -> serde_json::Value {
        json!({"type": "Ready", "status": status, "reason": reason, "message": "why", "lastTransitionTime": "2026-11-23T07:33:10Z",
            "observedGeneration": 4})
    }

    #[test]
    fn one_screen_says_where_it_is_and_who_lags() {
        let view = view(
            json!({"observedGeneration": 4, "conditions": [ready("True", "Available")], "url": "https://chat.domain-a.com/oursocketio",
            "pods": "3/3", "connections": 50, "effective": {"loadBalancerTimeoutSec": 3600, "moveFrom": "48m", "moveUntil": "57m", "detach": "1m",
                "drain": "1m", "terminationGracePeriodSeconds": 135, "pingInterval": "25s", "pingTimeout": "20s", "drainingTimeoutSec": 120}}),
        );
        let text = of(&view);
        assert_eq!(view.verdict(), Verdict::Good);
        for part in [
            "shop/chat   Ready=True Available",
            "between 48m and 57m",
            "cut by the load balancer at 1h",
            "killed at 2m15s",
            "pods 3/3   connections 50",
            "policy of generation 3",
            "policy unknown",
            "backplane connected",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.lines().find(|line| line.contains("chat-a")).map(|line| line.matches('█').count()), Some(12));
    }

    #[test]
    fn what_the_probe_says_is_there_whatever_it_is() {
        let probed = |status: &str, reason: &str| {
            let probe = json!({"type": "Reachable", "status": status, "reason": reason, "message": "so it is.",
                "lastTransitionTime": "1969-12-31T23:00:00Z", "observedGeneration": 4});
            of(&view(json!({"observedGeneration": 4, "conditions": [ready("True", "Available"), probe]})))
        };
        let held = probed("True", "AllHold");
        assert!(held.contains("\nprobe       so it is. (AllHold, for 1h)"), "{held}");
        assert!(probed("False", "Tls").contains("\n  Reachable=False Tls: so it is."));
        assert!(probed("Unknown", "ProbePending").contains("\n  Reachable=Unknown ProbePending: so it is."));
    }

    #[test]
    fn what_is_wrong_comes_first_with_its_words() {
        let wrong = view(json!({"observedGeneration": 4, "conditions": [ready("False", "InvalidSpec")]}));
        assert_eq!(wrong.verdict(), Verdict::Bad);
        assert!(of(&wrong).contains("\n  Ready=False InvalidSpec: why"), "{}", of(&wrong));
    }

    #[test]
    fn an_old_status_and_none_at_all_are_said() {
        let old = view(json!({"observedGeneration": 3, "conditions": [ready("True", "Available")]}));
        assert_eq!(old.verdict(), Verdict::Warning);
        assert!(of(&old).contains("generation 3 of 4"));
        assert_eq!(old.json()["reason"], "OutOfDate");
        let none = view(json!({}));
        assert_eq!((none.verdict(), none.json()["reason"].as_str()), (Verdict::Warning, Some("NoOperator")));
        assert!(of(&none).contains("does one run"));
    }
}
