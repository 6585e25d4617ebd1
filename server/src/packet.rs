//! What an Engine.IO message says to Socket.IO, as far as a move needs to know: which events wait for an acknowledgement.

use std::time::{Duration, Instant};

/// A move does not wait for an acknowledgement that is as late as this: the event has no handler, or one that may take its time.
const PATIENCE: Duration = Duration::from_secs(10);
/// More at a time than a client in good order has.
const MOST: usize = 256;

/// A Socket.IO packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet {
    /// An event, with the number that its acknowledgement will have.
    Event {
        /// The number, if the sender asks for an acknowledgement.
        ack: Option<u64>,
        /// Messages of bytes that follow.
        attachments: u32,
    },
    /// An acknowledgement.
    Ack {
        /// Number of the event.
        id: u64,
    },
    /// Anything else.
    Other,
}

impl Packet {
    /// Reads the beginning of a packet.
    #[must_use]
    pub fn read(text: &[u8]) -> Self {
        let Some((kind, rest)) = text.split_first() else { return Self::Other };
        let (attachments, rest) = match kind {
            b'5' | b'6' => match counted(rest) {
                Some(counted) => counted,
                None => return Self::Other,
            },
            _ => (0, rest),
        };
        let rest = match rest.first() {
            Some(b'/') => rest.iter().position(|byte| *byte == b',').map_or(&[][..], |comma| &rest[comma + 1..]),
            _ => rest,
        };
        let (ack, _) = number(rest);
        match (kind, ack) {
            (b'2' | b'5', ack) => Self::Event { ack, attachments },
            (b'3' | b'6', Some(id)) => Self::Ack { id },
            _ => Self::Other,
        }
    }

    /// Messages of bytes that follow a packet.
    #[must_use]
    pub fn attachments(text: &[u8]) -> u32 {
        match text {
            [b'5' | b'6', rest @ ..] => counted(rest).map_or(0, |(count, _)| count),
            _ => 0,
        }
    }
}

fn counted(text: &[u8]) -> Option<(u32, &[u8])> {
    match number(text) {
        (Some(count), [b'-', rest @ ..]) => Some((u32::try_from(count).unwrap_or(u32::MAX), rest)),
        _ => None,
    }
}

fn number(text: &[u8]) -> (Option<u64>, &[u8]) {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    (std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()), rest)
}

/// Events of one client whose acknowledgement is to come.
#[derive(Debug, Default)]
pub struct OpenAcks {
    open: Vec<(u64, Instant)>,
    /// Some are no longer among them, or never were.
    is_incomplete: bool,
}

impl OpenAcks {
    /// The client asks for one.
    pub fn asked(&mut self, id: u64, now: Instant) {
        if self.open.len() >= MOST {
            self.open.remove(0);
            self.is_incomplete = true;
        }
        self.open.push((id, now));
    }

    /// It was given.
    pub fn given(&mut self, id: u64) {
        if let Some(index) = self.open.iter().position(|(open, _)| *open == id) {
            self.open.swap_remove(index);
        }
    }

    /// The client may ask for one that is not seen.
    pub fn overlooked(&mut self) {
        self.is_incomplete = true;
    }

    /// Whether none is to come, however long it takes.
    #[must_use]
    pub fn are_given(&self) -> bool {
        self.open.is_empty() && !self.is_incomplete
    }

    /// Whether there is none that is worth waiting for.
    #[must_use]
    pub fn are_settled(&self, now: Instant) -> bool {
        self.open.iter().all(|(_, asked)| now.saturating_duration_since(*asked) > PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_told_apart() {
        for (text, packet) in [
            (r#"2["join",{}]"#, Packet::Event { ack: None, attachments: 0 }),
            (r#"212["join",{}]"#, Packet::Event { ack: Some(12), attachments: 0 }),
            (r#"2/admin,7["join"]"#, Packet::Event { ack: Some(7), attachments: 0 }),
            (r#"2/admin,["join"]"#, Packet::Event { ack: None, attachments: 0 }),
            (r#"52-3["file",{"_placeholder":true}]"#, Packet::Event { ack: Some(3), attachments: 2 }),
            (r#"51-/a,["file"]"#, Packet::Event { ack: None, attachments: 1 }),
            (r#"312[{"room":"a"}]"#, Packet::Ack { id: 12 }),
            (r#"61-4[{"_placeholder":true}]"#, Packet::Ack { id: 4 }),
            (r#"0{"sid":"a"}"#, Packet::Other),
            ("1", Packet::Other),
            ("", Packet::Other),
            ("5[", Packet::Other),
            ("2/a-namespace-whose-name-is-cut-off", Packet::Event { ack: None, attachments: 0 }),
            ("299999999999999999999[", Packet::Event { ack: None, attachments: 0 }),
        ] {
            assert_eq!(Packet::read(text.as_bytes()), packet, "{text}");
        }
    }

    #[test]
    fn an_acknowledgement_settles_its_own_event_and_no_other() {
        let now = Instant::now();
        let mut open = OpenAcks::default();
        assert!(open.are_settled(now));
        open.asked(1, now);
        open.asked(2, now);
        open.given(1);
        open.given(7);
        assert!(!open.are_settled(now));
        open.given(2);
        assert!(open.are_settled(now));
    }

    #[test]
    fn an_event_that_nobody_answers_holds_up_no_move_for_ever_and_costs_bounded_memory() {
        let now = Instant::now();
        let mut open = OpenAcks::default();
        (0..10_000).for_each(|id| open.asked(id, now));
        assert_eq!(open.open.len(), MOST);
        assert!(!open.are_settled(now + PATIENCE));
        assert!(open.are_settled(now + PATIENCE + Duration::from_millis(1)));
        (0..10_000).for_each(|id| open.given(id));
        assert!(!open.are_given(), "one that is not remembered may still come");
    }
}
