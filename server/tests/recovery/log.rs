//! The log in memory, whatever is done to it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use realtime_server::recovery::{
    log::{Entry, LogError},
    memory::{Bounds, Store},
    offset::Offset,
    session::{Owner, Pid, State},
};
use socketioxide_core::{Value, packet::Sid};

#[derive(Clone, Debug)]
enum Step {
    Append { length: usize, rooms: usize },
    Wait { millis: u64 },
    Leave { rooms: usize },
    Return { which: usize },
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_usize..3000, 0_usize..4).prop_map(|(length, rooms)| Step::Append { length, rooms }),
        2 => (0_u64..400).prop_map(|millis| Step::Wait { millis }),
        2 => (0_usize..20).prop_map(|rooms| Step::Leave { rooms }),
        1 => any::<usize>().prop_map(|which| Step::Return { which }),
        1 => Just(Step::Sweep),
    ]
}

fn entry(number: usize, length: usize, rooms: usize) -> Arc<Entry> {
    Arc::new(Entry {
        namespace: "/".into(),
        data: Value::Str(format!("[\"message\",{number},\"{}\"]", "x".repeat(length)).into(), None),
        rooms: (0..rooms).map(|room| format!("room {room}").into()).collect(),
        except: Vec::new(),
        sender: None,
        publication: None,
    })
}

fn state(rooms: usize) -> State {
    let mut state = State::new(Sid::new(), Owner { principal: None, origin: None }, Offset::default());
    state.rooms = (0..rooms).map(|room| (format!("room {room}").into(), Offset::default())).collect();
    state
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bounds_hold_offsets_grow_and_a_suffix_is_whole_or_refused(
        steps in prop::collection::vec(step(), 1..200),
        bytes in 1_usize..40_000,
        window in 50_u64..2000,
    ) {
        let (start, mut millis) = (Instant::now(), 1_000_000);
        let window = Duration::from_millis(window);
        let mut store = Store::new(Bounds { window, bytes }, millis);
        let begin = Offset::at(millis);
        let mut all: Vec<(Offset, Arc<Entry>, u64)> = Vec::new();
        let mut away: Vec<(Pid, State, u64)> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            let now = start + Duration::from_millis(millis - 1_000_000);
            match step {
                Step::Append { length, rooms } => {
                    let entry = entry(number, length, rooms);
                    let offset = store.append(Arc::clone(&entry), now, millis);
                    prop_assert!(all.last().map_or(begin, |(last, ..)| *last) < offset);
                    all.push((offset, entry, millis));
                }
                Step::Wait { millis: more } => millis += more,
                Step::Leave { rooms } => {
                    let (pid, state) = (Pid::random(), state(rooms));
                    store.store_session(pid.clone(), state.clone(), now);
                    away.push((pid, state, millis));
                }
                Step::Return { which } if !away.is_empty() => {
                    let (pid, state, since) = away.swap_remove(which % away.len());
                    let found = store.take_session(&pid, now);
                    let is_late = millis - since > window.as_millis() as u64;
                    prop_assert!(found.is_none() || (!is_late && found == Some(state)));
                    prop_assert_eq!(store.take_session(&pid, now), None);
                }
                Step::Return { .. } => {}
                Step::Sweep => store.sweep(now),
            }
            let usage = store.usage();
            prop_assert!(usage.bytes <= bytes, "{} > {bytes}", usage.bytes);
            if usage.entries == 0 && usage.sessions == 0 {
                prop_assert_eq!(usage.bytes, 0);
            }
            for after in [begin].into_iter().chain(all.iter().map(|(offset, ..)| *offset)) {
                let expected: Vec<_> = all.iter().filter(|(offset, ..)| *offset > after).collect();
                match store.since(after, usize::MAX) {
                    Ok(page) => {
                        prop_assert_eq!(page.len(), expected.len());
                        for ((offset, entry), (meant, content, _)) in page.iter().zip(expected) {
                            prop_assert_eq!(offset, meant);
                            prop_assert!(Arc::ptr_eq(entry, content));
                        }
                    }
                    Err(error) => {
                        prop_assert_eq!(error, LogError::TooOld(after));
                        prop_assert!(expected.len() > usage.entries, "it was all here");
                    }
                }
            }
            let last = all.last().map_or(begin, |(offset, ..)| *offset);
            let later = last.next(u64::MAX / 2);
            prop_assert_eq!(store.since(later, 1), Err(LogError::Unknown(later)));
        }
    }
}

#[test]
fn a_page_is_the_oldest_part_of_the_suffix() {
    let mut store = Store::new(Bounds { window: Duration::from_secs(60), bytes: 1 << 20 }, 1);
    let now = Instant::now();
    let offsets: Vec<_> = (0..10).map(|number| store.append(entry(number, 1, 1), now, 1)).collect();
    let page = store.since(offsets[2], 3).expect("it is here");
    assert_eq!(page.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), offsets[3..6]);
    assert_eq!(store.since(offsets[9], 3), Ok(Vec::new()));
}

#[test]
fn what_is_old_goes_even_when_nothing_happens() {
    let mut store = Store::new(Bounds { window: Duration::from_secs(1), bytes: 1 << 20 }, 1);
    let start = Instant::now();
    store.append(entry(0, 100, 1), start, 1);
    store.store_session(Pid::random(), state(3), start);
    store.sweep(start + Duration::from_millis(900));
    assert_eq!((store.usage().entries, store.usage().sessions), (1, 1));
    store.sweep(start + Duration::from_millis(1100));
    assert_eq!(store.usage(), Default::default());
}
