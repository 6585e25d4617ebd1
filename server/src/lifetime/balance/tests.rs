use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const OVER: Duration = Duration::from_secs(60);
const LOOK: f64 = 0.1;
/// Until the others know a count.
const NEWS: usize = 2;

/// Where a load balancer sends a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    InTurn,
    AtRandom,
    ToTheFewest,
    /// Where it was.
    Back,
    /// All to the first, as after a mistake.
    ToTheFirst,
}

const WAYS: [Way; 5] = [Way::InTurn, Way::AtRandom, Way::ToTheFewest, Way::Back, Way::ToTheFirst];

struct Seen {
    counts: Vec<usize>,
    /// By each replica.
    moves: Vec<usize>,
    returns: Vec<f64>,
    outcomes: Vec<Option<Outcome>>,
    /// When the last one ended.
    end: f64,
    /// Fewest that a replica had, clients on their way back to it included, when it moved one, of the mean of all.
    least: f64,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { counts, moves, outcomes, end, least, returns: _ } = self;
        write!(f, "{counts:?} after {moves:?} moves, {outcomes:?} after {end} s, {least}")
    }
}

impl Seen {
    fn mean(&self) -> f64 {
        self.counts.iter().sum::<usize>() as f64 / self.counts.len() as f64
    }

    fn most(&self) -> f64 {
        *self.counts.iter().max().expect("replicas") as f64 / self.mean()
    }

    fn all_moves(&self) -> usize {
        self.moves.iter().sum()
    }
}

/// Replicas that all begin at the same time; clients that are moved come back after 0.5 to 1.5 s, and are not moved again.
fn simulate(counts: &[usize], way: Way, over: Duration, seed: u64) -> Seen {
    let mut random = crate::lifetime::schedule::tests::dice(seed);
    let total: usize = counts.iter().sum();
    let mut replicas: Vec<_> = counts.iter().map(|_| Balance::begin(Duration::ZERO, over, random())).collect();
    let mut movable = counts.to_vec();
    let mut seen = Seen {
        counts: counts.to_vec(),
        moves: vec![0; counts.len()],
        returns: Vec::new(),
        outcomes: vec![None; counts.len()],
        end: 0.0,
        least: f64::MAX,
    };
    let mut away: Vec<(f64, usize)> = Vec::new();
    let mut told: VecDeque<Vec<usize>> = VecDeque::from(vec![counts.to_vec(); NEWS]);
    let (mut now, mut turn) = (0.0, 0);
    while seen.outcomes.iter().any(Option::is_none) {
        assert!(now < 20.0 * over.as_secs_f64() + 60.0, "it ends: {seen:?}");
        let (back, later) = away.into_iter().partition(|(at, _)| *at <= now);
        away = later;
        let back: Vec<(f64, usize)> = back;
        for (at, from) in back {
            let to = match way {
                Way::InTurn => {
                    turn += 1;
                    turn % counts.len()
                }
                Way::AtRandom => (random() * counts.len() as f64) as usize,
                Way::ToTheFewest => (0..counts.len()).min_by_key(|to| seen.counts[*to]).expect("replicas"),
                Way::Back => from,
                Way::ToTheFirst => 0,
            };
            seen.counts[to] += 1;
            seen.returns.push(at);
        }
        told.push_back(seen.counts.clone());
        let known = told.pop_front().expect("news");
        for index in 0..counts.len() {
            let others: Vec<_> = (0..counts.len()).filter(|other| *other != index).map(|other| known[other]).collect();
            while seen.outcomes[index].is_none() {
                match replicas[index].step(Duration::from_secs_f64(now), seen.counts[index], &others) {
                    Step::Wait => break,
                    Step::Over(outcome) => {
                        seen.outcomes[index] = Some(outcome);
                        seen.end = now;
                    }
                    // Nobody is left who was there at the beginning.
                    Step::Move if movable[index] == 0 => break,
                    Step::Move => {
                        movable[index] -= 1;
                        seen.counts[index] -= 1;
                        seen.moves[index] += 1;
                        away.push((now + 0.5 + random(), index));
                        let mean = total as f64 / counts.len() as f64;
                        seen.least = seen.least.min(seen.counts[index] as f64 / mean);
                    }
                }
            }
        }
        now += LOOK;
    }
    for (_, from) in away {
        seen.counts[from] += 1;
    }
    seen
}

/// What the replicas have above the mean.
fn surplus(counts: &[usize]) -> f64 {
    let mean = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    counts.iter().map(|count| (*count as f64 - mean).max(0.0)).sum()
}

fn grown(old: usize, new: usize, each: usize) -> Vec<usize> {
    [vec![each; old], vec![0; new]].concat()
}

#[test]
fn new_replicas_get_their_share_whichever_way_clients_are_dealt() {
    for (old, new) in [(1, 1), (2, 1), (2, 2), (3, 1), (4, 1), (5, 1), (8, 1), (9, 2), (4, 8), (20, 10)] {
        for way in [Way::InTurn, Way::AtRandom, Way::ToTheFewest] {
            let counts = grown(old, new, 2000);
            let seen = simulate(&counts, way, OVER, 7);
            let shown = format!("{old} + {new} {way:?}: {seen:?}");
            assert!(seen.most() < 1.12, "{shown}");
            assert!(seen.outcomes.iter().all(|outcome| *outcome == Some(Outcome::Balanced)), "{shown}");
            assert!(seen.least >= 0.99, "nobody goes below the mean: {shown}");
            let of_surplus = seen.all_moves() as f64 / surplus(&counts);
            let most = if way == Way::ToTheFewest { 1.1 } else { 3.4 };
            assert!(of_surplus <= most, "{of_surplus} moves for each: {shown}");
            assert!(seen.all_moves() <= old * 2000, "each once at the most: {shown}");
            assert!(seen.end <= 4.0 * 60.0, "{shown}");
        }
    }
}

#[test]
fn a_load_balancer_that_sends_everybody_back_is_given_up_after_a_surplus_worth_of_moves() {
    for (old, new) in [(1, 1), (2, 1), (5, 1), (4, 8)] {
        let counts = grown(old, new, 1000);
        let seen = simulate(&counts, Way::Back, OVER, 7);
        assert!(seen.outcomes[..old].iter().all(|outcome| *outcome == Some(Outcome::GivenUp)), "{seen:?}");
        // Those that are away for a moment look as if they stayed away.
        assert!(seen.all_moves() as f64 <= 1.4 * surplus(&counts), "{seen:?}");
        assert_eq!(seen.counts, counts);
    }
}

#[test]
fn where_everybody_has_about_as_many_nobody_moves() {
    for counts in [&[100, 100, 100][..], &[1050, 1000, 950], &[0, 0], &[4, 0], &[7, 2, 0], &[500], &[100; 10]] {
        for way in WAYS {
            let seen = simulate(counts, way, OVER, 1);
            assert_eq!(seen.all_moves(), 0, "{seen:?}");
            assert!(seen.end <= 6.0, "{seen:?}");
        }
    }
}

#[test]
fn a_tenth_more_than_the_mean_is_left_to_the_rotation() {
    let counts = grown(10, 1, 1000);
    assert_eq!(simulate(&counts, Way::InTurn, OVER, 1).all_moves(), 0);
}

#[test]
fn moves_are_even_and_no_herd_comes_back() {
    let seen = simulate(&grown(2, 1, 6000), Way::InTurn, OVER, 3);
    // Two replicas, each a surplus of 2000 in a minute.
    let mut seconds = vec![0; seen.end as usize + 3];
    for at in &seen.returns {
        seconds[*at as usize] += 1;
    }
    let most = *seconds.iter().max().expect("seconds");
    assert!(f64::from(most) <= 1.3 * 2.0 * 2000.0 / 60.0, "{most} in a second: {seconds:?}");
}

#[test]
fn clients_that_leave_meanwhile_are_forgotten() {
    let mut balance = Balance::begin(Duration::ZERO, OVER, 0.0);
    let second = |number| Duration::from_secs(number);
    assert_eq!(balance.step(second(0), 100, &[100]), Step::Wait);
    // All the others' clients went home: what was their share is not this replica's for ever.
    let moves = (1..300).filter(|number| balance.step(second(*number), 100, &[0]) == Step::Move).count();
    assert!(moves > 20, "{moves}");
}

#[test]
fn who_was_there_is_not_new_when_it_comes_back() {
    let (mut known, second) = (Known::default(), Duration::from_secs);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<HashSet<_>>();
    assert!(!known.has_news(second(0), &names(&[])));
    assert!(known.has_news(second(1), &names(&["a", "b"])));
    assert!(!known.has_news(second(2), &names(&["b"])));
    assert!(!known.has_news(second(20), &names(&["a", "b"])), "Redis was away");
    assert!(known.has_news(second(21), &names(&["a", "c"])));
    assert!(!known.has_news(second(9000), &names(&["c"])), "who stays is not forgotten");
    assert!(known.has_news(second(9001), &names(&["a", "c"])));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_ends_and_is_bounded_whatever_the_load_balancer_does(
        counts in prop::collection::vec(0_usize..800, 1..12),
        way in prop::sample::select(&WAYS),
        over in 4_u64..120,
        seed in any::<u64>(),
    ) {
        let seen = simulate(&counts, way, Duration::from_secs(over), seed);
        let total: usize = counts.iter().sum();
        prop_assert_eq!(seen.counts.iter().sum::<usize>(), total, "nobody is lost");
        prop_assert!(seen.all_moves() <= total, "{:?}", seen);
        let mean = total as f64 / counts.len() as f64;
        for (index, moves) in seen.moves.iter().enumerate() {
            // What others moved may have come here.
            let most = (counts[index].max(seen.counts[index]) + seen.all_moves()) as f64 - mean;
            prop_assert!(*moves as f64 <= MOST * most.max(0.0) + 1.0, "{} by {index}: {:?}", moves, seen);
            if counts[index] == 0 && way != Way::ToTheFirst && way != Way::AtRandom {
                prop_assert_eq!(*moves, 0, "a new one moves nobody: {:?}", seen);
            }
        }
        // A count is old by the time that news takes, and the shorter the time to move in, the more leave meanwhile.
        prop_assert!(seen.least >= 0.99 - 0.2 / over as f64, "nobody goes below the mean: {:?}", seen);
        if matches!(way, Way::InTurn | Way::ToTheFewest) && over >= 30 {
            let most = seen.counts.iter().max().expect("replicas");
            let is_even = seen.most() < 1.13 || (*most as f64) - mean < LEAST + 3.0;
            prop_assert!(is_even, "{:?}", seen);
        }
    }

    #[test]
    fn who_has_no_more_than_the_mean_never_moves(own in 0_usize..1000, others in prop::collection::vec(0_usize..1000, 0..8), at in 0_u64..1000) {
        let mut balance = Balance::begin(Duration::ZERO, OVER, 0.0);
        let mean = (own + others.iter().sum::<usize>()) as f64 / (others.len() + 1) as f64;
        let step = balance.step(Duration::from_secs(at), own, &others);
        prop_assert!(step != Step::Move || own as f64 >= 1.1 * mean);
    }
}
