//! What clients published lately under names of their own. A client whose server died does not know whether its last message got through.

use std::{
    collections::{HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
};

/// So many are remembered, of all clients together; 16 bytes each.
const MOST: usize = 32_768;

/// The last publications, by their hashes.
#[derive(Debug, Default)]
pub(super) struct Publications {
    hasher: RandomState,
    order: VecDeque<u64>,
    known: HashSet<u64>,
}

impl Publications {
    /// It is in the stream.
    pub(super) fn insert(&mut self, publication: &str) {
        let hash = self.hasher.hash_one(publication);
        if !self.known.insert(hash) {
            return;
        }
        if self.order.len() == MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(hash);
    }

    /// Whether it was.
    pub(super) fn contains(&self, publication: &str) -> bool {
        self.known.contains(&self.hasher.hash_one(publication))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_ones_are_forgotten() {
        let mut publications = Publications::default();
        (0..=MOST).for_each(|number| publications.insert(&number.to_string()));
        assert!(!publications.contains("0") && publications.contains("1") && publications.contains(&MOST.to_string()));
        publications.insert("1");
        assert_eq!(publications.known.len(), MOST);
        assert_eq!(publications.order.len(), MOST);
    }
}
