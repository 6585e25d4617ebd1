//! Which addresses get requests, and which ones lose their connections and when. Pure: the clock is an argument.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::model::BackendId;

/// The addresses that a backend is to have, and how long connections to those that leave live on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) addresses: BTreeSet<SocketAddr>,
    /// Without end where it is absent.
    pub(crate) drain: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    In,
    /// Told to leave; the load balancer notices at this moment.
    Leaving(Instant),
}

/// A request that a worker of Envoy's began while the endpoint was on its way out is found in a second round.
const AGAIN: Duration = Duration::from_secs(1);

/// An address that has left, and what lives on of its connections.
#[derive(Clone, Copy, Debug)]
struct Draining {
    deadline: Instant,
    was_cut: bool,
}

#[derive(Debug, Default)]
struct Member {
    phases: BTreeMap<SocketAddr, Phase>,
    drain: Option<Duration>,
}

/// Which addresses get requests, and which ones lose their connections and when.
#[derive(Debug)]
pub(crate) struct Members {
    detach: Duration,
    backends: BTreeMap<BackendId, Member>,
    draining: BTreeMap<SocketAddr, Draining>,
}

impl Members {
    pub(crate) fn new(detach: Duration) -> Self {
        Self { detach, backends: BTreeMap::new(), draining: BTreeMap::new() }
    }

    /// Takes over what is wanted now. A backend that is no longer wanted leaves at once, as with the configuration it goes.
    pub(crate) fn update(&mut self, wanted: &BTreeMap<BackendId, Group>, now: Instant) {
        let mut left = Vec::new();
        self.backends.retain(|id, member| {
            let keep = wanted.contains_key(id);
            if !keep {
                left.extend(member.phases.keys().map(|address| (*address, member.drain)));
            }
            keep
        });
        for (id, group) in wanted {
            let member = self.backends.entry(id.clone()).or_default();
            member.drain = group.drain;
            for address in &group.addresses {
                member.phases.insert(*address, Phase::In);
            }
            member.phases.retain(|address, phase| {
                if group.addresses.contains(address) {
                    return true;
                }
                let until = match *phase {
                    Phase::In => now + self.detach,
                    Phase::Leaving(until) => until,
                };
                *phase = Phase::Leaving(until);
                if until <= now {
                    left.push((*address, group.drain));
                }
                until > now
            });
        }
        for (address, drain) in left {
            if let Some(drain) = drain {
                self.draining.entry(address).or_insert(Draining { deadline: now + drain, was_cut: false });
            }
        }
        // Back again, or still there for another backend: then nothing is cut.
        let serving: BTreeSet<_> = self.backends.values().flat_map(|member| member.phases.keys()).collect();
        self.draining.retain(|address, _| !serving.contains(address));
    }

    pub(crate) fn serving(&self, backend: &BackendId) -> BTreeSet<SocketAddr> {
        self.backends.get(backend).iter().flat_map(|member| member.phases.keys().copied()).collect()
    }

    /// Those whose connections have lived long enough.
    pub(crate) fn overdue(&self, now: Instant) -> Vec<SocketAddr> {
        let overdue = self.draining.iter().filter(|(_, draining)| draining.deadline <= now);
        overdue.map(|(address, _)| *address).collect()
    }

    /// It is overdue again a moment later, until a second round or a later one finds nothing.
    pub(crate) fn was_cut(&mut self, address: SocketAddr, found: bool, now: Instant) {
        if let Entry::Occupied(mut entry) = self.draining.entry(address) {
            if entry.get().was_cut && !found {
                entry.remove();
            } else {
                entry.insert(Draining { deadline: now + AGAIN, was_cut: true });
            }
        }
    }

    /// When there is something to do if nothing changes.
    pub(crate) fn next(&self) -> Option<Instant> {
        let leaving =
            self.backends.values().flat_map(|member| member.phases.values()).filter_map(|phase| match phase {
                Phase::In => None,
                Phase::Leaving(until) => Some(*until),
            });
        leaving.chain(self.draining.values().map(|draining| draining.deadline)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn id() -> BackendId {
        BackendId { namespace: "a".to_owned(), service: "chat".to_owned(), port: 80 }
    }

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 8080))
    }

    fn wanted(addresses: &[u8], drain: u32) -> BTreeMap<BackendId, Group> {
        let addresses = addresses.iter().copied().map(address).collect();
        BTreeMap::from([(id(), Group { addresses, drain: Some(SECOND * drain) })])
    }

    #[test]
    fn who_leaves_gets_requests_until_the_load_balancer_notices_and_is_cut_a_drain_later() {
        let (mut members, start) = (Members::new(SECOND * 5), Instant::now());
        members.update(&wanted(&[1, 2], 10), start);
        members.update(&wanted(&[1], 10), start);
        assert_eq!(members.serving(&id()).len(), 2);
        assert_eq!(members.next(), Some(start + SECOND * 5));
        members.update(&wanted(&[1], 10), start + SECOND * 5);
        assert_eq!(members.serving(&id()), BTreeSet::from([address(1)]));
        assert_eq!(members.next(), Some(start + SECOND * 15));
        assert_eq!(members.overdue(start + SECOND * 14), []);
        assert_eq!(members.overdue(start + SECOND * 15), [address(2)]);
    }

    #[test]
    fn who_comes_back_is_not_cut() {
        let (mut members, start) = (Members::new(Duration::ZERO), Instant::now());
        members.update(&wanted(&[1], 10), start);
        members.update(&wanted(&[], 10), start);
        assert_eq!(members.next(), Some(start + SECOND * 10));
        members.update(&wanted(&[1], 10), start + SECOND);
        assert_eq!(members.next(), None);
    }

    #[test]
    fn without_draining_it_is_cut_at_once_and_until_nothing_is_left() {
        let (mut members, start) = (Members::new(Duration::ZERO), Instant::now());
        members.update(&wanted(&[1], 0), start);
        members.update(&wanted(&[], 0), start);
        assert_eq!(members.overdue(start), [address(1)]);
        for round in 0..2 {
            members.was_cut(address(1), round == 1, start + SECOND * round);
            assert_eq!(members.overdue(start + SECOND * round), []);
            assert_eq!(members.overdue(start + SECOND * (round + 1)), [address(1)]);
        }
        members.was_cut(address(1), false, start + SECOND * 2);
        assert_eq!(members.next(), None);
    }

    #[test]
    fn a_backend_that_no_ingress_names_any_more_leaves_at_once() {
        let (mut members, start) = (Members::new(SECOND * 60), Instant::now());
        members.update(&wanted(&[1], 3), start);
        members.update(&BTreeMap::new(), start);
        assert_eq!(members.serving(&id()), BTreeSet::new());
        assert_eq!(members.overdue(start + SECOND * 3), [address(1)]);
    }
}
