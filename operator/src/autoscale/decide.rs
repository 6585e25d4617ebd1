//! PURE: connections, pods and what happened lately → how many pods there should be.
//!
//! The rules are those of the HorizontalPodAutoscaler, so that whoever knows it knows this: its tolerance, its default policy for more
//! pods, the window in which the highest number counts before fewer are taken, what a pod counts that says nothing.

use std::time::{Duration, Instant};

use realtime_crds::ValidService;

use super::{History, Load, Why};
use crate::plan::{PODS_A_PERIOD, Pace, timeouts};

/// Between two decisions, as the HorizontalPodAutoscaler has it.
pub(crate) const EVERY: Duration = Duration::from_secs(15);
/// Nothing changes while the load is within this part, in percent, of what the pods should hold.
const TOLERANCE: u128 = 10;
/// Within [`EVERY`] at most so many pods come, or as many as there are, whichever is more.
const MOST_NEW: i32 = 4;

/// What a service asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Fewest pods.
    pub(crate) min: i32,
    /// Most pods.
    pub(crate) max: i32,
    /// Connections of a pod.
    pub(crate) share: u64,
    /// How fast pods go.
    pub(crate) pace: Pace,
}

/// What a decision is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) rule: Rule,
    /// How many pods there are to be, as the Deployment has it.
    pub(crate) present: i32,
    pub(crate) load: Load,
    pub(crate) now: Instant,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) why: Why,
    /// Another number of pods; none where the present one stays.
    pub(crate) to: Option<i32>,
    /// When to ask again if nothing changes until then; none where only a change can bring another answer.
    pub(crate) again: Option<Duration>,
}

impl Rule {
    /// The rule of a service; none where its connections do not decide.
    pub(crate) fn of(service: &ValidService) -> Option<Self> {
        let spec = service.spec();
        let scale = spec.workload.autoscaling.as_ref()?;
        Some(Self {
            min: scale.min_replicas,
            max: scale.max_replicas,
            share: u64::try_from(scale.connections_per_replica?).ok()?,
            pace: Pace::of(&timeouts::budget(&spec.timeouts, service.way())),
        })
    }
}

/// Decides, and gives the history with this decision in it. Where somebody else takes back what is done, it is done less and less
/// often: each time pods start and others lose their connections.
#[must_use]
pub(crate) fn decide(question: &Question, mut history: History) -> (Decision, History) {
    let now = question.now;
    history.see(question.present);
    let (mut decision, mut history) = judge(question, history);
    if let Some(until) = history.rests_until(now).filter(|_| decision.to.is_some()) {
        history.undecided();
        decision = Decision { to: None, again: Some(until - now), ..decision };
    }
    // Then there is something else to say.
    let ends = history.contested_until(now).map(|ends| ends - now);
    decision.again = decision.again.into_iter().chain(ends).min();
    (decision, history)
}

fn judge(question: &Question, mut history: History) -> (Decision, History) {
    let Question { rule, present, load, now } = *question;
    let to = |why, pods| Decision { why, to: Some(pods), again: Some(EVERY) };
    let stays = |why, again| Decision { why, to: None, again };
    if present == 0 {
        return (stays(Why::ScaledToZero, None), History::default());
    }
    history.begin(present, now);
    if present > rule.max {
        return (to(Why::AboveMaxReplicas, rule.max), history);
    }
    if present < rule.min {
        return (to(Why::BelowMinReplicas, rule.min), history);
    }
    if let Some((at, why)) = history.decided
        && now < at + EVERY
    {
        return (stays(why, Some(at + EVERY - now)), history);
    }
    if load.reporting == 0 {
        return (stays(Why::NoReports, None), history);
    }
    let asked = asked(rule.share, present, &load);
    history.ask(asked, now, rule.pace.window);
    let decision = if asked > present { more(question, asked, &history) } else { fewer(question, asked, &history) };
    history.decided = Some((now, decision.why));
    (decision, history)
}

/// How many pods the load asks for, whatever the limits.
pub(crate) fn asked(share: u64, present: i32, load: &Load) -> i32 {
    let present_pods = u128::try_from(present).unwrap_or(0);
    let held = u128::from(share) * present_pods;
    // For more pods a silent one counts as empty, for fewer as full.
    let (least, most) = (u128::from(load.reported), u128::from(load.reported) + u128::from(load.unseen));
    let pods = |connections: u128| i32::try_from(connections.div_ceil(u128::from(share.max(1)))).unwrap_or(i32::MAX);
    if least * 100 > held * (100 + TOLERANCE) {
        pods(least)
    } else if most * 100 < held * (100 - TOLERANCE) {
        pods(most)
    } else {
        present
    }
}

fn more(question: &Question, asked: i32, history: &History) -> Decision {
    let Question { rule, present, load: _, now } = *question;
    if present == rule.max {
        return Decision { why: Why::AtMaxReplicas, to: None, again: None };
    }
    let start = history.at_start(present, now, EVERY).max(1);
    let limit = start.saturating_add(start.max(MOST_NEW));
    let to = asked.min(rule.max).min(limit);
    Decision { why: Why::MoreConnections, to: (to > present).then_some(to), again: Some(EVERY) }
}

fn fewer(question: &Question, asked: i32, history: &History) -> Decision {
    let Question { rule, present, load: _, now } = *question;
    let wait = |until: Option<Instant>| {
        let again = until.map_or(EVERY, |until| until.saturating_duration_since(now)).max(Duration::from_secs(1));
        Decision { why: Why::Settling, to: None, again: Some(again) }
    };
    if asked.max(rule.min) >= present {
        return Decision { why: Why::Steady, to: None, again: None };
    }
    let highest = history.highest(now, rule.pace.window).unwrap_or(present);
    if highest >= present {
        return wait(history.falls_below(present, rule.pace.window));
    }
    let limit = history.at_start(present, now, rule.pace.period).saturating_sub(PODS_A_PERIOD);
    let to = highest.max(rule.min).max(limit);
    match to < present {
        true => Decision { why: Why::FewerConnections, to: Some(to), again: Some(EVERY) },
        false => wait(history.period_ends(now, rule.pace.period)),
    }
}
