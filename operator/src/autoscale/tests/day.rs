//! A day of load, seen every 15 seconds.

use std::time::Duration;

use super::*;

const DAY: u64 = 24 * 3600;

/// Noise of at most two per cent, the same in every run.
fn noisy(connections: u64, at: u64) -> u64 {
    let drawn = at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) >> 33;
    connections * (980 + drawn % 41) / 1000
}

struct Course {
    came: i32,
    went: i32,
    changes: usize,
    most: i32,
}

fn lives_through(world: &mut World, load: impl Fn(u64) -> u64) -> Course {
    let mut course = Course { came: 0, went: 0, changes: 0, most: world.present };
    for at in (0..DAY).step_by(15) {
        let (before, connections) = (world.present, noisy(load(at), at));
        world.has(connections);
        let by = world.present - before;
        course.changes += usize::from(by != 0);
        course.came += by.max(0);
        course.went += (-by).max(0);
        course.most = course.most.max(world.present);
        let holds = u64::try_from(world.present).unwrap_or(0) * SHARE * 11 / 10;
        assert!(connections <= holds || world.present == world.rule.max, "{connections} on {} pods", world.present);
        world.later(Duration::from_secs(15));
    }
    course
}

/// Up until noon and down until midnight: 1,000, 10,000 and 1,000 connections.
fn tide(at: u64) -> u64 {
    let hours = at.min(DAY - at);
    1000 + 9000 * hours / (DAY / 2)
}

#[test]
fn a_tide_takes_each_step_once_each_way() {
    let mut world = World::new(2, 12, 2);
    let Course { came, went, changes, most } = lives_through(&mut world, tide);
    assert_eq!((came, went), (most - 2, most - 2), "no pod comes or goes twice");
    assert!((9..=11).contains(&most), "{most}");
    assert!(changes <= 2 * 9, "{changes}");
    assert_eq!(world.present, 2);
}

#[test]
fn a_flash_crowd_is_met_within_a_minute_and_costs_one_rise() {
    let mut world = World::new(2, 30, 2);
    // From 1,500 to 24,000 for 20 minutes.
    let flash = |at: u64| if (36_000..37_200).contains(&at) { 24_000 } else { 1500 };
    let mut met = None;
    let began = world.now;
    for at in (0..DAY).step_by(15) {
        let before = world.present;
        world.has(flash(at));
        assert!(world.present <= before || (36_000..37_200).contains(&at), "pods come in the crowd alone");
        if world.present >= 22 {
            met = met.or(Some((world.now - began).as_secs() - 36_000));
        }
        world.later(Duration::from_secs(15));
    }
    assert!(met.is_some_and(|seconds| seconds <= 60), "{met:?}");
    assert_eq!(world.present, 2);
}

#[test]
fn a_night_of_reconnects_changes_nothing() {
    let mut world = World::new(2, 12, 6);
    // Every ten minutes 30 % of all are away for a minute, as when a network is switched.
    let Course { changes, .. } =
        lives_through(&mut world, |at| if at % 600 < 60 && at > 0 { 6000 * 7 / 10 } else { 6000 });
    assert_eq!(changes, 0);
}
