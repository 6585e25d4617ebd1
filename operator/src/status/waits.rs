//! PURE: which status may wait a moment for what the Deployment's controller is about to say, so that one write tells both.

use std::time::{Duration, Instant};

use realtime_crds::{RealtimeServiceStatus, conditions::ConditionType};

use super::Outcome;
use crate::observe::Pods;

/// No status waits longer.
pub(crate) const LONGEST: Duration = Duration::from_secs(1);

/// Whether it only says how far a service is on its way, and will say more in a moment. What asks for somebody waits for nothing, nor
/// does a service that was ready and is no longer, unless its spec has changed: then everybody sees that the status is an older one.
pub(crate) fn can_wait(previous: &RealtimeServiceStatus, now: &RealtimeServiceStatus, outcome: &Outcome) -> bool {
    let Outcome::Observed(observed) = outcome else { return false };
    let Pods { wanted, current, .. } = &observed.pods;
    let is_older = previous.observed_generation != now.observed_generation;
    let asks_for_somebody = now.conditions.iter().any(|condition| condition.status == "False");
    let more_is_to_come = current < wanted && observed.failures.is_empty();
    (is_older || is_on_its_way(previous)) && is_on_its_way(now) && more_is_to_come && !asks_for_somebody
}

fn is_on_its_way(status: &RealtimeServiceStatus) -> bool {
    status.conditions.iter().any(|condition| condition.type_ == ConditionType::Reconciling.as_str())
}

/// How much longer a status waits that has waited since then; none where it has waited long enough.
pub(crate) fn rest(since: Instant, now: Instant) -> Option<Duration> {
    let rest = (since + LONGEST).saturating_duration_since(now);
    (!rest.is_zero()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;
    use crate::{observe::Observed, status::status};

    fn observed(current: i64, available: i64) -> Observed {
        let pods = Pods { wanted: 3, by_load: false, exist: 3, current, available, failing: None };
        Observed { pods, ..Observed::default() }
    }

    fn said(previous: &RealtimeServiceStatus, generation: i64, outcome: &Outcome) -> RealtimeServiceStatus {
        status(previous, generation, outcome, Timestamp::UNIX_EPOCH)
    }

    /// Whether what was observed of this generation waits, after that status.
    fn waits(previous: &RealtimeServiceStatus, generation: i64, observed: Observed) -> bool {
        let outcome = Outcome::Observed(Box::new(observed));
        can_wait(previous, &said(previous, generation, &outcome), &outcome)
    }

    fn after(observed: Observed) -> RealtimeServiceStatus {
        said(&RealtimeServiceStatus::default(), 1, &Outcome::Observed(Box::new(observed)))
    }

    #[test]
    fn a_new_service_and_a_new_generation_wait_for_the_first_word_of_the_deployments_controller() {
        assert!(waits(&RealtimeServiceStatus::default(), 1, observed(0, 0)));
        assert!(waits(&after(observed(3, 3)), 2, observed(0, 3)), "it was ready, and its spec has changed");
        assert!(!waits(&after(observed(3, 3)), 2, observed(3, 3)), "no pod has to change");
    }

    #[test]
    fn steps_of_a_rollout_wait_and_its_last_one_does_not() {
        assert!(waits(&after(observed(1, 2)), 1, observed(2, 2)));
        assert!(!waits(&after(observed(2, 2)), 1, observed(3, 2)));
        assert!(!waits(&after(observed(2, 2)), 1, observed(3, 3)));
    }

    #[test]
    fn what_somebody_has_to_act_on_is_said_at_once() {
        let new = RealtimeServiceStatus::default();
        let foreign = Observed { foreign: vec!["ConfigMap chat-policy".to_owned()], ..observed(0, 0) };
        let refused = Observed { refused: vec!["quota".to_owned()], ..observed(0, 0) };
        let failed = Observed { failures: vec!["timeout".to_owned()], ..observed(0, 0) };
        let lacking = Observed { missing_kinds: vec![crate::plan::Kind::BackendConfig], ..observed(0, 0) };
        let paused = Observed { paused: true, ..observed(0, 0) };
        for observed in [foreign, refused, failed, lacking, paused] {
            assert!(!waits(&new, 1, observed.clone()), "{observed:?}");
        }
        let invalid = Outcome::Invalid(Vec::new());
        assert!(!can_wait(&new, &said(&new, 1, &invalid), &invalid));
        assert!(!waits(&after(observed(3, 3)), 1, observed(2, 2)), "it was ready, and nobody has changed its spec");
    }

    #[test]
    fn nothing_waits_longer_than_a_second() {
        let since = Instant::now();
        assert_eq!(rest(since, since), Some(LONGEST));
        assert_eq!(rest(since, since + LONGEST / 4), Some(LONGEST * 3 / 4));
        assert_eq!(rest(since, since + LONGEST), None);
        assert_eq!(rest(since, since + LONGEST * 2), None);
    }
}
