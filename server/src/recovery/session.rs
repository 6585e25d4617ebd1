//! A client's session: what makes it itself when it comes back.

use std::{collections::VecDeque, fmt, sync::Arc};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use socketioxide_core::{adapter::Room, packet::Sid};

use super::{log::Entry, offset::Offset};
use crate::auth::Principal;

/// 144 bits that nobody guesses.
const PID_BYTES: usize = 18;
/// What a session takes besides its rooms.
const OVERHEAD: usize = 640;
/// A message may be in flight, and a few with it; what is older than that and not acknowledged by TCP is a lost connection.
const REMEMBERED: usize = 4;
/// A client that repeats itself does so for what it sent last.
const PUBLICATIONS: usize = 32;

/// The secret name of a session, which its client alone knows.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pid(Arc<str>);

impl Pid {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        let bytes: [u8; PID_BYTES] = rand::rng().random();
        Self(BASE64_URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// One that a client sent, if it looks like one.
    #[must_use]
    pub fn presented(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == PID_BYTES).then(|| Self(text.into()))
    }

    /// As the client knows it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whoever reads logs is not the client.
        f.write_str("Pid")
    }
}

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Whom the token named; none where nobody needs one.
    pub principal: Option<Principal>,
    /// The page's origin, where the client sent one.
    pub origin: Option<Vec<u8>>,
}

impl Owner {
    /// Whether a client is the same one. Browsers leave `Origin` out of some requests of a page on the server's own site, and only
    /// there: a missing one does not tell pages apart.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let is_same_page = match (&self.origin, &other.origin) {
            (Some(one), Some(another)) => one == another,
            (None, _) | (_, None) => true,
        };
        self.principal == other.principal && is_same_page
    }
}

/// The last few events that a client was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The newest one first.
    last: [Offset; REMEMBERED],
    count: u8,
}

impl Sent {
    /// The client was sent this.
    pub fn push(&mut self, offset: Offset) {
        self.last.copy_within(..REMEMBERED - 1, 1);
        self.last[0] = offset;
        self.count = self.count.saturating_add(1).min(REMEMBERED as u8);
    }

    /// Where to read on for a client that has all up to `received`, when everything up to `position` was sent. A client in a quiet room has an
    /// old offset and has missed nothing for all that.
    #[must_use]
    pub fn resume(&self, received: Offset, position: Offset) -> Offset {
        let remembered = &self.last[..usize::from(self.count)];
        match remembered.iter().rposition(|sent| *sent > received) {
            None => position.max(received),
            // All that is remembered is missing: what is before it may be too.
            Some(oldest) if oldest + 1 == REMEMBERED => received,
            Some(oldest) => remembered[oldest].before().max(received),
        }
    }
}

/// What a client published with an id of its own, and how many got it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publications(VecDeque<(Box<str>, usize)>);

impl Publications {
    /// How many got it, if it was published.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<usize> {
        self.0.iter().find(|(known, _)| &**known == id).map(|(_, delivered)| *delivered)
    }

    /// It was published.
    pub fn push(&mut self, id: &str, delivered: usize) {
        if self.0.len() == PUBLICATIONS {
            self.0.pop_front();
        }
        self.0.push_back((id.into(), delivered));
    }

    /// It was not published after all.
    pub fn remove(&mut self, id: &str) {
        self.0.retain(|(known, _)| &**known != id);
    }
}

/// A session whose client is away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The client's id, which it keeps.
    pub id: Sid,
    /// Whose it is.
    pub owner: Owner,
    /// Its rooms, and since when.
    pub rooms: Vec<(Room, Offset)>,
    /// Where it began: an older offset of the client's is from an earlier session.
    pub since: Offset,
    /// What it was sent last.
    pub sent: Sent,
    /// Everything up to here was sent, or was not for it.
    pub position: Offset,
    /// What it published.
    pub publications: Publications,
}

impl State {
    /// One that begins after an offset.
    #[must_use]
    pub fn new(id: Sid, owner: Owner, since: Offset) -> Self {
        let (rooms, sent, publications) = Default::default();
        Self { id, owner, rooms, since, sent, position: since, publications }
    }

    /// The client has everything up to an offset, or has been told that it has not.
    pub fn begin(&mut self, offset: Offset) {
        (self.since, self.position, self.sent) = (offset, offset, Sent::default());
    }

    /// Whether an event is for this client.
    #[must_use]
    pub fn is_meant(&self, offset: Offset, entry: &Entry) -> bool {
        let is_in = |room: &Room| {
            room == self.id.as_str() || self.rooms.iter().any(|(own, since)| own == room && *since < offset)
        };
        let is_addressed = entry.rooms.is_empty() || entry.rooms.iter().any(is_in);
        is_addressed && entry.sender != Some(self.id) && !entry.except.iter().any(is_in)
    }

    /// Memory that it takes, roughly.
    #[must_use]
    pub fn size(&self) -> usize {
        let rooms: usize = self.rooms.iter().map(|(room, _)| room.len() + 64).sum();
        let publications: usize = self.publications.0.iter().map(|(id, _)| id.len() + 32).sum();
        let origin = self.owner.origin.as_ref().map_or(0, Vec::len);
        OVERHEAD + rooms + publications + origin + self.owner.principal.as_ref().map_or(0, Principal::size)
    }

    /// Where to read on for a client that has all up to `received`.
    #[must_use]
    pub fn resume(&self, received: Option<Offset>) -> Offset {
        self.sent.resume(received.unwrap_or_default().max(self.since), self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(offsets: &[u64]) -> Sent {
        let mut sent = Sent::default();
        offsets.iter().for_each(|offset| sent.push(Offset::at(*offset)));
        sent
    }

    #[test]
    fn an_old_offset_in_a_quiet_room_has_missed_nothing() {
        assert_eq!(sent(&[10]).resume(Offset::at(10), Offset::at(5000)), Offset::at(5000));
        assert_eq!(sent(&[]).resume(Offset::at(10), Offset::at(5000)), Offset::at(5000));
        assert_eq!(sent(&[1, 2, 3, 4, 5, 6]).resume(Offset::at(6), Offset::at(5000)), Offset::at(5000));
    }

    #[test]
    fn what_was_sent_and_not_received_is_read_again() {
        let resumed = sent(&[10, 4000, 4001]).resume(Offset::at(10), Offset::at(5000));
        assert!(resumed < Offset::at(4000) && resumed >= Offset::at(3999), "{resumed}");
        assert_eq!(sent(&[1, 2, 3, 4, 5, 6]).resume(Offset::at(1), Offset::at(5000)), Offset::at(1));
        assert_eq!(sent(&[1, 2, 3, 4, 5, 6]).resume(Offset::at(2), Offset::at(5000)), Offset::at(2));
        let resumed = sent(&[3000]).resume(Offset::at(10), Offset::at(5000));
        assert!(resumed < Offset::at(3000) && resumed >= Offset::at(2999), "{resumed}");
    }

    #[test]
    fn a_pid_is_long_and_another_one_each_time() {
        let (one, another) = (Pid::random(), Pid::random());
        assert_ne!(one, another);
        assert_eq!(Pid::presented(one.as_str()), Some(one));
        for text in ["", "short", "AAAAAAAAAAAAAAAAAAAAAAA!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(Pid::presented(text), None, "{text}");
        }
    }

    #[test]
    fn another_subject_or_page_is_another_owner() {
        let owner = |subject: Option<&str>, origin: Option<&str>| Owner {
            principal: subject.map(|subject| Principal { issuer: None, subject: Some(subject.to_owned()) }),
            origin: origin.map(|origin| origin.as_bytes().to_vec()),
        };
        assert!(owner(Some("anna"), Some("https://a.com")).is(&owner(Some("anna"), Some("https://a.com"))));
        assert!(owner(None, Some("https://a.com")).is(&owner(None, None)));
        assert!(!owner(Some("anna"), None).is(&owner(Some("bert"), None)));
        assert!(!owner(Some("anna"), None).is(&owner(None, None)));
        assert!(!owner(None, Some("https://a.com")).is(&owner(None, Some("https://b.com"))));
    }

    #[test]
    fn the_oldest_publication_is_forgotten_first() {
        let mut publications = Publications::default();
        (0..=PUBLICATIONS).for_each(|number| publications.push(&number.to_string(), number));
        assert_eq!(publications.get("0"), None);
        assert_eq!(publications.get("1"), Some(1));
    }
}
