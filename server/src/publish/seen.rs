//! Ids of events that were published here, where no backplane remembers them: bounded in time and number.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
    time::{Duration, Instant},
};

use crate::recovery::offset::Offset;

/// What was published lately.
#[derive(Debug)]
pub(super) struct Seen {
    window: Duration,
    most: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    offsets: HashMap<String, Offset>,
    order: VecDeque<(Instant, String)>,
}

impl Seen {
    pub(super) fn new(window: Duration, most: usize) -> Self {
        Self { window, most, inner: Mutex::default() }
    }

    /// Publishes unless that was done under this key; also whether it is new.
    pub(super) fn once(&self, key: String, publish: impl FnOnce() -> Option<Offset>) -> Option<(Offset, bool)> {
        let mut inner = self.inner.lock().expect("nothing panics under this lock");
        let now = Instant::now();
        while inner.order.front().is_some_and(|(at, _)| now.duration_since(*at) > self.window) {
            inner.forget();
        }
        if let Some(offset) = inner.offsets.get(&key) {
            return Some((*offset, false));
        }
        let offset = publish()?;
        if inner.order.len() >= self.most {
            inner.forget();
        }
        inner.offsets.insert(key.clone(), offset);
        inner.order.push_back((now, key));
        Some((offset, true))
    }
}

impl Inner {
    fn forget(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.offsets.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_published_once_until_it_is_forgotten() {
        let seen = Seen::new(Duration::from_secs(60), 2);
        let publish = |key: &str, offset| seen.once(key.to_owned(), || Some(Offset::at(offset)));
        assert_eq!(publish("a", 1), Some((Offset::at(1), true)));
        assert_eq!(publish("a", 2), Some((Offset::at(1), false)));
        publish("b", 3);
        publish("c", 4);
        assert_eq!(publish("a", 5), Some((Offset::at(5), true)), "the oldest of three goes where two are the most");
    }

    #[test]
    fn what_was_not_published_is_not_remembered() {
        let seen = Seen::new(Duration::from_secs(60), 2);
        assert_eq!(seen.once("a".to_owned(), || None), None);
        assert_eq!(seen.once("a".to_owned(), || Some(Offset::at(1))), Some((Offset::at(1), true)));
    }
}
