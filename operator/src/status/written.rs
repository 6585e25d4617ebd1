//! Verdicts as they are written: what of the conditions that were there before stays.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use realtime_crds::conditions::{ConditionType, Reason};

use super::Verdict;

/// Writes the verdicts as conditions; the transition time moves only when the status does. Of `kept`, those without a verdict stay.
pub(super) fn merge(
    kept: &[Condition],
    verdicts: &[Verdict],
    previous: &[Condition],
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let now = Timestamp::from_second(now.as_second()).expect("whole seconds of a timestamp are one");
    let said = |name: &str| verdicts.iter().any(|verdict| verdict.condition.as_str() == name);
    let fleeting = [ConditionType::Reconciling.as_str(), ConditionType::Stalled.as_str()];
    let kept = kept.iter().filter(|old| !said(&old.type_) && !fleeting.contains(&old.type_.as_str())).cloned();
    let written = verdicts.iter().map(|verdict| {
        let status = match verdict.holds {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        };
        let name = verdict.condition.as_str();
        let since = previous
            .iter()
            .find(|old| old.type_ == name && old.status == status)
            .map(|old| old.last_transition_time.clone());
        Condition {
            type_: name.to_owned(),
            status: status.to_owned(),
            reason: verdict.reason.as_str().to_owned(),
            message: verdict.message.clone(),
            observed_generation: Some(generation),
            last_transition_time: since.unwrap_or(Time(now)),
        }
    });
    written.chain(kept).collect()
}

/// A probe that has not been answered yet, of a generation that was: the answer of before stands, an operator's before this one too.
pub(super) fn outlived(verdicts: &mut Vec<Verdict>, previous: &[Condition], generation: i64) -> Option<Condition> {
    let name = ConditionType::Reachable.as_str();
    let is_answer = |condition: &&Condition| {
        condition.type_ == name
            && condition.observed_generation == Some(generation)
            && matches!(condition.status.as_str(), "True" | "False")
    };
    let known = previous.iter().find(is_answer)?;
    let at = verdicts.iter().position(|verdict| verdict.reason == Reason::ProbePending)?;
    verdicts.remove(at);
    Some(known.clone())
}

/// Ready says what is in place; that the probe met something all the same is said there too.
pub(super) fn agree(conditions: &mut [Condition]) {
    let is = |condition: &Condition, name: ConditionType, status: &str| {
        condition.type_ == name.as_str() && condition.status == status
    };
    let Some(failed) = conditions.iter().find(|it| is(it, ConditionType::Reachable, "False")) else { return };
    let message = format!(
        "Everything is in place, and the probe could not connect ({}): see the condition Reachable.",
        failed.reason
    );
    if let Some(ready) = conditions.iter_mut().find(|it| is(it, ConditionType::Ready, "True")) {
        ready.message = message;
    }
}
