//! The packets of a polling payload: several in one body, in three ways to put them there.

use bytes::Bytes;

use super::eio3::{self, InBinary};

const SEPARATOR: u8 = 0x1e;

/// A packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'p> {
    /// A Socket.IO packet.
    Message(&'p [u8]),
    /// So many bytes that belong to one.
    Binary(usize),
    /// The end.
    Close,
    /// One of Engine.IO's own.
    Other,
}

/// Visits each packet, as far as the payload can be read.
pub fn each<'p>(eio: u8, payload: &'p Bytes, mut visit: impl FnMut(Packet<'p>)) {
    match (eio, payload.first()) {
        (_, None) => {}
        (3, Some(0 | 1)) => drop(binary(payload, &mut visit)),
        (3, Some(_)) => drop(lengths(payload, &mut visit)),
        (_, Some(_)) => payload.split(|byte| *byte == SEPARATOR).for_each(|packet| visit(text(packet))),
    }
}

fn text(packet: &[u8]) -> Packet<'_> {
    match packet {
        [b'4', message @ ..] => Packet::Message(message),
        [b'b', base64 @ ..] => {
            let padding = base64.iter().rev().take_while(|byte| **byte == b'=').count();
            Packet::Binary((base64.len() / 4 * 3).saturating_sub(padding))
        }
        b"1" => Packet::Close,
        _ => Packet::Other,
    }
}

/// `length:packet…`, lengths in UTF-16 code units.
fn lengths<'p>(payload: &'p [u8], visit: &mut impl FnMut(Packet<'p>)) -> Option<()> {
    let mut rest = std::str::from_utf8(payload).ok()?;
    while !rest.is_empty() {
        let (length, packets) = rest.split_once(':')?;
        let (packet, after) = packets.split_at(eio3::utf16_offset(packets, length.parse().ok()?)?);
        visit(match packet.strip_prefix("b4") {
            Some(base64) => text(format!("b{base64}").as_bytes()).binary(),
            None => text(packet.as_bytes()),
        });
        rest = after;
    }
    Some(())
}

fn binary<'p>(mut rest: &'p [u8], visit: &mut impl FnMut(Packet<'p>)) -> Option<()> {
    while !rest.is_empty() {
        let InBinary { kind, packet, next, .. } = InBinary::first_of(rest)?;
        visit(if kind == eio3::BINARY { Packet::Binary(packet.len().saturating_sub(1)) } else { text(packet) });
        rest = next;
    }
    Some(())
}

impl Packet<'_> {
    /// The same without what it was read from.
    fn binary<'a>(self) -> Packet<'a> {
        match self {
            Self::Binary(length) => Packet::Binary(length),
            Self::Message(_) | Self::Close | Self::Other => Packet::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(eio: u8, payload: &'static [u8]) -> Vec<Packet<'static>> {
        let payload: &'static Bytes = Box::leak(Box::new(Bytes::from_static(payload)));
        let mut packets = Vec::new();
        each(eio, payload, |packet| packets.push(packet));
        packets
    }

    #[test]
    fn packets_of_engine_io_4_are_found() {
        let payload = b"3\x1e42[\"a\"]\x1ebAAEC\x1ebAAE=\x1e1";
        let expected =
            [Packet::Other, Packet::Message(b"2[\"a\"]"), Packet::Binary(3), Packet::Binary(2), Packet::Close];
        assert_eq!(packets(4, payload), expected);
        assert_eq!(packets(4, b""), []);
    }

    #[test]
    fn packets_of_engine_io_3_are_found_in_text_and_in_bytes() {
        let text = "4:4\u{1d54a}a1:26:b4AAEC1:1".as_bytes();
        let expected = [Packet::Message("\u{1d54a}a".as_bytes()), Packet::Other, Packet::Binary(3), Packet::Close];
        assert_eq!(packets(3, text), expected);
        let bytes = b"\0\x02\xff40\x01\x04\xff\x04\x00\xff\x01\0\x01\xff1";
        assert_eq!(packets(3, bytes), [Packet::Message(b"0"), Packet::Binary(3), Packet::Close]);
    }

    #[test]
    fn what_is_no_payload_ends_where_it_stops_to_be_one() {
        for payload in [&b"9999:4"[..], b"x", b"\0\x09\xff4", b"\x01", b"2:40junk"] {
            assert!(packets(3, payload).len() <= 1);
        }
    }
}
