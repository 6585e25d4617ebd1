//! What is promised of every decision.

mod day;

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{
    History, Load, Why,
    decide::{Decision, EVERY, Question, Rule, decide},
};
use crate::{
    fleet::{MISSES, Pod, Report},
    plan::Pace,
};

const SHARE: u64 = 1000;
const WINDOW: Duration = Duration::from_secs(300);
const PERIOD: Duration = Duration::from_secs(120);

fn rule(min: i32, max: i32) -> Rule {
    Rule { min, max, share: SHARE, pace: Pace { window: WINDOW, period: PERIOD } }
}

/// A Deployment whose number of pods is what was decided last.
struct World {
    rule: Rule,
    present: i32,
    now: Instant,
    history: History,
}

impl World {
    fn new(min: i32, max: i32, present: i32) -> Self {
        Self { rule: rule(min, max), present, now: Instant::now(), history: History::default() }
    }

    fn later(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self
    }

    fn sees(&mut self, load: Load) -> Decision {
        let question = Question { rule: self.rule, present: self.present, load, now: self.now };
        let (decision, mut history) = decide(&question, std::mem::take(&mut self.history));
        if let Some(to) = decision.to {
            history.scaled(self.present, to, self.now, 0);
            self.present = to;
        }
        self.history = history;
        decision
    }

    fn has(&mut self, connections: u64) -> Decision {
        self.sees(Load::known(connections))
    }

    /// The number of pods once nothing is to be done any more, asking only when it was said to; and how often it was asked.
    fn settled(&mut self, connections: u64) -> (i32, usize) {
        let mut asked = 1;
        let mut decision = self.has(connections);
        while let Some(again) = decision.again {
            decision = self.later(again).has(connections);
            asked += 1;
            assert!(asked < 10_000, "no end: {decision:?}");
        }
        (self.present, asked)
    }
}

fn pod(connections: Option<u64>, leaving: bool) -> Pod {
    let report = connections.map(|connections| Report { connections, ..Report::default() });
    let misses = if report.is_none() { MISSES } else { 0 };
    Pod { uid: "u".to_owned(), address: [127, 0, 0, 1].into(), leaving, cost: None, report, misses }
}

#[test]
fn pods_come_at_once_and_four_or_twice_as_many_within_15_seconds() {
    let mut world = World::new(1, 100, 1);
    let mut numbers = vec![];
    for _ in 0..6 {
        let why = world.has(40_000).why;
        numbers.push((world.present, why == Why::MoreConnections));
        world.later(EVERY);
    }
    assert_eq!(numbers, [(5, true), (10, true), (20, true), (40, true), (40, false), (40, false)]);
}

#[test]
fn within_the_tolerance_nothing_changes() {
    for (connections, why) in [
        (3300, Why::Steady),
        (3301, Why::MoreConnections),
        (2700, Why::Steady),
        (2699, Why::Steady),
        (2000, Why::Settling),
    ] {
        let mut world = World::new(1, 9, 3);
        assert_eq!(world.has(connections).why, why, "{connections}");
    }
}

#[test]
fn one_pod_goes_in_each_period_after_the_window() {
    let mut world = World::new(2, 9, 5);
    world.has(4900);
    let began = world.now;
    let mut went = vec![];
    let mut decision = world.later(EVERY).has(100);
    while let Some(again) = decision.again {
        let before = world.present;
        decision = world.later(again).has(100);
        if world.present < before {
            assert_eq!((world.present, decision.why), (before - 1, Why::FewerConnections));
            went.push((world.now - began - EVERY).as_secs());
        }
    }
    assert_eq!(went, [300, 420, 540]);
    assert_eq!((world.present, decision.why), (2, Why::Steady));
}

#[test]
fn limits_count_at_once_and_zero_switches_it_off() {
    let mut world = World::new(2, 9, 1);
    assert_eq!((world.has(0).why, world.present), (Why::BelowMinReplicas, 2));
    world.rule.max = 4;
    world.present = 7;
    assert_eq!((world.has(7000).why, world.present), (Why::AboveMaxReplicas, 4));
    assert_eq!(world.later(EVERY).has(7000), Decision { why: Why::AtMaxReplicas, to: None, again: None });
    world.present = 0;
    assert_eq!(world.later(EVERY).has(7000), Decision { why: Why::ScaledToZero, to: None, again: None });
    world.present = 3;
    assert_eq!(world.has(0).why, Why::Settling, "it begins anew with the present number");
}

#[test]
fn without_any_report_only_the_limits_count() {
    let mut world = World::new(2, 9, 5);
    let silent = [pod(None, false), pod(None, false), pod(Some(900), true)];
    let load = Load::of(&silent, SHARE);
    assert_eq!(world.sees(load), Decision { why: Why::NoReports, to: None, again: None });
    assert_eq!(world.sees(Load::of(&[], SHARE)).why, Why::NoReports);
    world.rule.min = 6;
    assert_eq!((world.sees(load).why, world.present), (Why::BelowMinReplicas, 6));
}

#[test]
fn a_silent_pod_counts_as_full_where_pods_may_go_and_as_empty_where_they_may_come() {
    let load = Load::of(&[pod(Some(1100), false), pod(None, false)], SHARE);
    assert_eq!((load.reported, load.unseen, load.reporting, load.silent), (1100, SHARE, 1, 1));
    assert_eq!(World::new(1, 9, 2).sees(load).why, Why::Steady);
    let told_of_more = Pod { misses: MISSES, ..pod(Some(1800), false) };
    assert_eq!(Load::of(&[told_of_more], SHARE).unseen, 1800);
    let one_answer_lost = Pod { misses: 1, ..pod(Some(1800), false) };
    assert_eq!(Load::of(&[one_answer_lost], SHARE).reported, 1800);
    assert_eq!(Load::of(&[pod(Some(700), true), pod(None, true)], SHARE).reported, 700, "it moves to the others");
}

#[test]
fn a_change_that_could_not_be_carried_out_is_decided_again_at_once() {
    let mut world = World::new(1, 9, 2);
    let question = Question { rule: world.rule, present: 2, load: Load::known(5000), now: world.now };
    let (first, mut history) = decide(&question, History::default());
    assert_eq!(decide(&question, history.clone()).0.to, None, "not twice within 15 s");
    history.undecided();
    world.history = history;
    assert_eq!(world.has(5000).to, first.to);
}

/// Somebody sets the number of pods to `theirs` whenever it is another; when it was changed within this time.
fn contest(world: &mut World, theirs: i32, load: Load, time: u64) -> Vec<u64> {
    let began = world.now;
    let mut changes = vec![];
    while world.now - began < Duration::from_secs(time) {
        world.present = theirs;
        if world.sees(load).to.is_some() {
            changes.push((world.now - began).as_secs());
        }
        world.later(Duration::from_secs(1));
    }
    changes
}

#[test]
fn who_takes_it_back_again_and_again_is_answered_less_and_less_often() {
    for (theirs, load) in [(8, Load::default()), (1, Load::default()), (8, Load::known(5000)), (3, Load::known(5500))] {
        let mut world = World::new(2, 6, theirs);
        let changes = contest(&mut world, theirs, load, 600);
        assert_eq!(changes, [0, 15, 45, 105, 225, 465], "{theirs} pods, {load:?}");
        assert!(contest(&mut world, theirs, load, 3600).len() <= 32, "{theirs} pods, {load:?}");
    }
}

#[test]
fn it_is_contested_until_ten_minutes_are_over_and_said_no_longer_then() {
    let mut world = World::new(2, 6, 8);
    contest(&mut world, 8, Load::default(), 10);
    assert_eq!(world.history.contested_until(world.now), None, "once may be an accident");
    contest(&mut world, 8, Load::default(), 10);
    assert!(world.history.contested_until(world.now).is_some());
    let began = world.now;
    let mut decision = world.sees(Load::default());
    for _ in 0..20 {
        let Some(again) = decision.again else { break };
        decision = world.later(again).sees(Load::default());
    }
    assert!(world.now - began < Duration::from_secs(620), "{decision:?}");
    assert_eq!((decision.to, decision.again, world.present), (None, None, 6));
    assert_eq!(world.history.contested_until(world.now), None);
}

#[test]
fn another_limit_counts_at_once_however_often_it_changes() {
    let mut world = World::new(2, 9, 9);
    for (min, max) in [(2, 5), (6, 9), (2, 4), (7, 9), (1, 3)] {
        world.rule = rule(min, max);
        assert!(world.sees(Load::default()).to.is_some(), "{min} to {max}");
        assert_eq!(world.history.contested_until(world.now), None);
    }
}

#[test]
fn what_was_answered_counts_until_the_watch_shows_it() {
    let mut history = History::default();
    history.scaled(2, 4, Instant::now(), 10);
    assert_eq!((history.present(2, 9), history.present(2, 10), history.present(7, 11)), (4, 2, 7));
}

fn loads() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((15_u64..200, prop_oneof![0_u64..30_000, Just(0), 900_u64..1300]), 1..80)
}

proptest! {
    #[test]
    fn the_number_stays_between_its_limits(min in 1_i32..9, more in 0_i32..20, present in 1_i32..40, loads in loads()) {
        let mut world = World::new(min, min + more, present);
        for (seconds, connections) in loads {
            world.later(Duration::from_secs(seconds)).has(connections);
            prop_assert!((min..=min + more).contains(&world.present));
        }
    }

    #[test]
    fn no_pod_goes_that_was_needed_within_the_window(loads in loads(), present in 1_i32..30) {
        let mut world = World::new(1, 40, present);
        let mut seen: Vec<(Instant, u64)> = vec![];
        for (seconds, connections) in loads {
            world.later(Duration::from_secs(seconds));
            // What was seen last was so until now.
            if let Some(last) = seen.last_mut() {
                last.0 = world.now;
            }
            seen.push((world.now, connections));
            let (before, now) = (world.present, world.now);
            world.has(connections);
            if world.present < before {
                prop_assert_eq!(world.present, before - 1);
                let within = seen.iter().filter(|(until, _)| *until + WINDOW > now);
                for (_, connections) in within {
                    let holds = u64::try_from(world.present).unwrap_or(0) * SHARE * 11 / 10;
                    prop_assert!(holds >= *connections, "{} pods for {connections}", world.present);
                }
            }
        }
    }

    #[test]
    fn no_two_pods_go_within_a_period(loads in loads(), present in 1_i32..30) {
        let mut world = World::new(1, 40, present);
        let mut last: Option<Instant> = None;
        for (seconds, connections) in loads {
            let before = world.later(Duration::from_secs(seconds)).present;
            world.has(connections);
            if world.present > before {
                // What came meanwhile may go again.
                last = None;
            } else if world.present < before {
                prop_assert!(last.is_none_or(|last| world.now - last >= PERIOD));
                last = Some(world.now);
            }
        }
    }

    #[test]
    fn after_a_restart_nothing_goes_before_a_window_is_over(loads in loads(), present in 2_i32..30) {
        let mut world = World::new(1, 40, present);
        let began = world.now;
        for (seconds, connections) in loads {
            let before = world.present;
            world.has(connections);
            if world.now - began < WINDOW {
                prop_assert!(world.present >= before);
            }
            world.later(Duration::from_secs(seconds));
        }
    }

    #[test]
    fn with_a_steady_load_nothing_comes_after_something_went_and_then_there_is_rest(
        base in 0_u64..40_000,
        present in 1_i32..40,
        noise in prop::collection::vec((15_u64..60, 950_u64..=1000), 200),
    ) {
        let mut world = World::new(1, 60, present);
        let mut some_went = false;
        for (seconds, part) in noise {
            let before = world.later(Duration::from_secs(seconds)).present;
            world.has(base * part / 1000);
            prop_assert!(!some_went || world.present <= before, "{} after {before}", world.present);
            some_went |= world.present < before;
        }
        let (number, _) = world.settled(base);
        prop_assert_eq!(world.later(WINDOW * 9).settled(base), (number, 1), "it is at rest");
    }

    #[test]
    fn nobody_has_to_look_often_while_the_load_stays(base in 0_u64..60_000, present in 1_i32..60) {
        let mut world = World::new(1, 60, present);
        let (number, asked) = world.settled(base);
        let changes = usize::try_from((number - present).abs()).unwrap_or(0);
        prop_assert!(asked <= 4 + 3 * changes, "{asked} times for {changes} changes");
    }

    #[test]
    fn with_too_many_connections_pods_come_at_once(loads in loads(), present in 1_i32..30, excess in 1_u64..50_000) {
        let mut world = World::new(1, 40, present);
        for (seconds, connections) in loads {
            world.later(Duration::from_secs(seconds)).has(connections);
        }
        let before = world.later(EVERY).present;
        world.has(u64::try_from(before).unwrap_or(0) * SHARE * 11 / 10 + excess);
        prop_assert!(world.present > before || before == 40);
    }

    #[test]
    fn more_connections_never_mean_fewer_pods(loads in loads(), present in 1_i32..30, few in 0_u64..30_000, more in 0_u64..30_000) {
        let mut world = World::new(1, 40, present);
        for (seconds, connections) in loads {
            world.later(Duration::from_secs(seconds)).has(connections);
        }
        world.later(EVERY);
        let decided = |connections| {
            let load = Load::known(connections);
            let question = Question { rule: world.rule, present: world.present, load, now: world.now };
            decide(&question, world.history.clone()).0.to.unwrap_or(world.present)
        };
        prop_assert!(decided(few) <= decided(few + more));
    }

    #[test]
    fn pods_that_fall_silent_take_none_away_and_bring_none(
        pods in prop::collection::vec((0_u64..3000, any::<bool>()), 1..12),
        calm in any::<bool>(),
    ) {
        let present = i32::try_from(pods.len()).unwrap_or(1);
        let mut world = World::new(1, 40, present);
        if calm {
            // So long that nothing but the load of now counts.
            world.has(0);
            world.present = present;
            world.later(WINDOW * 2);
        }
        let decided = |pods: Vec<Pod>| {
            let load = Load::of(&pods, SHARE);
            let question = Question { rule: world.rule, present: world.present, load, now: world.now };
            decide(&question, world.history.clone()).0.to.unwrap_or(world.present)
        };
        let all_speak = decided(pods.iter().map(|(connections, _)| pod(Some(*connections), false)).collect());
        let silent = |(connections, silent): &(u64, bool)| Pod {
            misses: if *silent { MISSES } else { 0 },
            ..pod(Some(*connections), false)
        };
        let some_silent = decided(pods.iter().map(silent).collect());
        prop_assert!(some_silent >= all_speak.min(world.present), "{some_silent} for {all_speak}");
        prop_assert!(some_silent <= all_speak.max(world.present), "{some_silent} for {all_speak}");
    }
}
