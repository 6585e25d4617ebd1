//! How old a WebSocket may become.

use std::{
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// Of the age at which the load balancer cuts: no connection is older when its close frame leaves.
const LATEST: f64 = 0.95;
/// Where there is no crowd, no connection leaves sooner.
const EARLIEST: f64 = 0.80;
/// Longest that a connection that is to leave is left waiting for a moment when nothing is lost.
const LONGEST_PATIENCE: Duration = Duration::from_secs(5);
/// Load balancers need minutes until they go by a new timeout.
const PROPAGATION: Duration = Duration::from_secs(300);

/// The ages in force.
#[derive(Debug)]
pub struct Ages(Mutex<InForce>);

#[derive(Debug)]
struct InForce {
    age: Duration,
    /// A shorter one, which load balancers may go by until then.
    former: Option<(Duration, Instant)>,
}

/// What a new age changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// Open connections leave sooner.
    Shorter,
    /// Connections that are opened later stay longer.
    Longer,
}

/// How long a connection that is to leave waits for the right moment.
#[must_use]
pub fn patience(age: Duration) -> Duration {
    age.mul_f64(1.0 - LATEST).min(LONGEST_PATIENCE)
}

impl Ages {
    /// An age that has been in force for long.
    #[must_use]
    pub const fn new(age: Duration) -> Self {
        Self(Mutex::new(InForce { age, former: None }))
    }

    /// When a connection that opens now is to leave at the latest, its patience included: somewhere in the last part of the age.
    #[must_use]
    pub fn due(&self, opened: Instant) -> Instant {
        let age = self.of(opened);
        let (earliest, latest) = (age.mul_f64(EARLIEST), age.mul_f64(LATEST) - patience(age));
        opened + earliest + (latest - earliest).mul_f64(rand::random())
    }

    fn of(&self, opened: Instant) -> Duration {
        let in_force = self.lock();
        match in_force.former {
            Some((former, until)) if opened < until => former.min(in_force.age),
            Some(_) | None => in_force.age,
        }
    }

    /// Another age is in force.
    pub fn change(&self, age: Duration, now: Instant) -> Change {
        let mut in_force = self.lock();
        let was = std::mem::replace(&mut in_force.age, age);
        in_force.former = in_force.former.filter(|(_, until)| now < *until);
        match age.cmp(&was) {
            std::cmp::Ordering::Equal => Change::None,
            std::cmp::Ordering::Less => Change::Shorter,
            std::cmp::Ordering::Greater => {
                let shortest = in_force.former.map_or(was, |(former, _)| former.min(was));
                in_force.former = Some((shortest, now + PROPAGATION));
                Change::Longer
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, InForce> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn span(ages: &Ages, opened: Instant) -> (f64, f64) {
        let dues = (0..2000).map(|_| (ages.due(opened) - opened).as_secs_f64());
        dues.fold((f64::MAX, 0.0), |(least, most), due| (least.min(due), most.max(due)))
    }

    #[test]
    fn connections_leave_in_the_last_part_of_the_age_with_their_patience_before_its_end() {
        let opened = Instant::now();
        for (age, patience) in [(10, 0.5), (30, 1.5), (3600, 5.0), (86400, 5.0)] {
            let ages = Ages::new(age * SECOND);
            let (least, most) = span(&ages, opened);
            let age = f64::from(age);
            assert!(least >= 0.8 * age && least < 0.81 * age, "{least}");
            assert!(most <= 0.95 * age - patience && most > 0.94 * age - patience, "{most}");
        }
    }

    #[test]
    fn a_longer_age_counts_when_load_balancers_had_time_to_learn_it() {
        let now = Instant::now();
        let ages = Ages::new(30 * SECOND);
        assert_eq!(ages.change(30 * SECOND, now), Change::None);
        assert_eq!(ages.change(3600 * SECOND, now), Change::Longer);
        assert!(span(&ages, now + SECOND).1 < 30.0);
        assert!(span(&ages, now + PROPAGATION).0 >= 0.8 * 3600.0);
    }

    #[test]
    fn a_shorter_age_counts_at_once() {
        let now = Instant::now();
        let ages = Ages::new(3600 * SECOND);
        assert_eq!(ages.change(30 * SECOND, now), Change::Shorter);
        assert!(span(&ages, now).1 < 30.0);
        assert_eq!(ages.change(60 * SECOND, now), Change::Longer);
        assert!(span(&ages, now).1 < 30.0);
        assert_eq!(ages.change(20 * SECOND, now), Change::Shorter);
        assert!(span(&ages, now).1 < 20.0);
    }
}
