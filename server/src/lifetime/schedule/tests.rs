use proptest::prelude::*;

use super::*;

const HORIZON: Duration = Duration::from_millis(100);

/// What a simulation shows.
#[derive(Debug, Default)]
struct Seen {
    /// Moments at which clients came back.
    returns: Vec<f64>,
    /// Moments at which they were moved.
    moves: Vec<f64>,
    /// By how much the latest was late.
    late: f64,
    /// How old those were that were moved, as a part of the age.
    ages: Vec<f64>,
}

/// Clients connect at the moments of `opens`; each that is moved comes back after 0.5 to 1.5 s, and is due after 80 to 90 % of the age.
fn simulate(opens: &[f64], age: f64, end: f64, mut random: impl FnMut() -> f64) -> Seen {
    let mut seen = Seen::default();
    let mut coming: Vec<f64> = opens.to_vec();
    let mut open: Vec<(Duration, f64)> = Vec::new();
    let (mut now, mut last, mut crowd) = (0.0, None, Crowd::default());
    while now < end {
        let (here, later) = coming.iter().partition(|at| **at <= now);
        coming = later;
        let here: Vec<f64> = here;
        open.extend(here.iter().map(|at| (Duration::from_secs_f64(at + age * (0.8 + 0.1 * random())), *at)));
        open.sort_by_key(|(due, _)| *due);
        let dues: Vec<_> = open.iter().map(|(due, _)| *due).collect();
        let (at, long) = (Duration::from_secs_f64(now), Duration::from_secs_f64(age));
        let moves = plan(at, last, &dues, pace(crowd.saw(open.len(), at, long), long), HORIZON);
        last = moves.last().copied().or(last);
        for (at, (due, opened)) in moves.iter().zip(open.drain(..moves.len())) {
            let at = at.as_secs_f64();
            seen.late = seen.late.max(at - due.as_secs_f64());
            seen.ages.push((at - opened) / age);
            seen.moves.push(at);
            let back = at + 0.5 + random();
            seen.returns.push(back);
            coming.push(back);
        }
        now += HORIZON.as_secs_f64();
    }
    seen
}

/// Most of them in any second.
fn densest(times: &[f64]) -> usize {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    (0..times.len())
        .map(|from| times[from..].iter().take_while(|at| **at < times[from] + 1.0).count())
        .max()
        .unwrap_or(0)
}

pub(in crate::lifetime) fn dice(seed: u64) -> impl FnMut() -> f64 {
    // SplitMix64.
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn a_thousand_that_connect_in_one_second_never_come_back_twice_as_fast_as_on_average() {
    for (count, age, rounds) in [(1000, 30.0, 20.0), (200, 10.0, 60.0), (3000, 100.0, 5.0)] {
        let mut random = dice(7);
        let opens: Vec<f64> = (0..count).map(|_| random()).collect();
        let end = age * rounds;
        let seen = simulate(&opens, age, end, random);
        let mean = seen.returns.len() as f64 / end;
        let most = densest(&seen.returns);
        assert!((most as f64) < 2.0 * mean, "{count} of age {age}: {most} in a second, {mean} on average");
        assert!(seen.late < 0.001, "{}", seen.late);
    }
}

#[test]
fn the_crowd_is_spread_by_its_first_round_and_nobody_leaves_early_after_it() {
    let (age, end) = (30.0, 600.0);
    let seen = simulate(&[0.0; 1000], age, end, dice(3));
    let early =
        |from: f64| seen.moves.iter().zip(&seen.ages).filter(|(at, part)| **at >= from && **part < 0.75).count();
    assert!(early(0.0) > 500, "a crowd cannot leave in time without some leaving early: {}", early(0.0));
    assert!(early(1.5 * age) < seen.moves.len() / 100, "{} of {}", early(1.5 * age), seen.moves.len());
}

#[test]
fn where_there_is_no_crowd_nobody_leaves_early() {
    let opens: Vec<f64> = (0..1000).map(|index| f64::from(index) * 0.03).collect();
    let seen = simulate(&opens, 30.0, 300.0, dice(1));
    let early = seen.ages.iter().filter(|part| **part < 0.79).count();
    assert!(early < seen.ages.len() / 50, "{early} of {}", seen.ages.len());
}

#[test]
fn few_connections_are_moved_when_they_are_due() {
    let seen = simulate(&[0.0, 0.0, 0.0], 3600.0, 3500.0, dice(1));
    assert_eq!(seen.moves.len(), 3);
    assert!(seen.ages.iter().all(|part| *part > 0.79), "{:?}", seen.ages);
}

#[test]
fn when_most_have_gone_by_themselves_the_rest_leaves_evenly_and_in_time() {
    // Due as planned for ten times as many.
    let dues: Vec<_> = (0..100).map(|index| Duration::from_secs_f64(20.0 + 0.02 * f64::from(index))).collect();
    let pace = pace(dues.len() as f64, Duration::from_secs(30));
    let now = Duration::from_secs(19);
    let moves = plan(now, Some(now), &dues, pace, Duration::from_secs(5));
    assert_eq!(moves.len(), dues.len());
    assert!(moves.iter().zip(&dues).all(|(at, due)| at <= due), "{moves:?}");
    let gaps = moves.windows(2).map(|two| (two[1] - two[0]).as_secs_f64());
    assert!(gaps.clone().fold(f64::MAX, f64::min) > 0.005, "{:?}", gaps.collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nobody_is_late_and_the_pace_is_kept_however_clients_connect(
        crowds in prop::collection::vec((0.0..60.0_f64, 1..150_usize, 0.0..10.0_f64), 1..6),
        age in 10.0..60.0_f64,
        seed in any::<u64>(),
    ) {
        let mut random = dice(seed);
        let mut opens = Vec::new();
        for (at, count, within) in crowds {
            opens.extend((0..count).map(|_| at + within * random()));
        }
        let seen = simulate(&opens, age, 60.0 + 4.0 * age, random);
        prop_assert!(seen.late < 0.001, "late by {}", seen.late);
        // One more than the pace allows: a second that begins and ends with a move.
        let most = pace(opens.len() as f64, Duration::from_secs_f64(age)) + 1.0;
        prop_assert!(densest(&seen.moves) as f64 <= most.ceil(), "{} in a second, {most} allowed", densest(&seen.moves));
    }

    #[test]
    fn the_plan_is_in_order_and_not_in_the_past(
        mut dues in prop::collection::vec(0_u64..100_000, 0..100),
        now in 0_u64..100_000,
        last in prop::option::of(0_u64..100_000),
        pace in 0.1..1000.0_f64,
    ) {
        dues.sort_unstable();
        let dues: Vec<_> = dues.into_iter().map(Duration::from_millis).collect();
        let now = Duration::from_millis(now);
        let moves = plan(now, last.map(|last| Duration::from_millis(last).min(now)), &dues, pace, HORIZON);
        prop_assert!(moves.is_sorted());
        prop_assert!(moves.iter().all(|at| *at >= now && *at <= now + HORIZON));
        let overdue = dues.iter().filter(|due| **due <= now).count();
        prop_assert!(moves.len() >= overdue, "whoever is late leaves now");
    }
}
