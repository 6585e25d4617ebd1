//! Binary in polls of Engine.IO 3, for clients of version 2.
//!
//! The engine writes the attachments of a Socket.IO packet as Engine.IO 4 has them, base64 behind a `b`. Engine.IO 3 wants a packet type
//! in front of the bytes; without it clients read the first of them as the type, and what follows breaks the whole connection.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

const MESSAGE: u8 = b'4';
/// In a binary payload each packet begins with its kind and the digits of its length, up to this.
const END_OF_LENGTH: u8 = 0xff;
const STRING: u8 = 0;
pub(super) const BINARY: u8 = 1;

/// The same payload with a type in front of each attachment.
pub(super) fn with_typed_attachments(payload: Bytes) -> Bytes {
    let mended = match payload.first() {
        Some(&(STRING | BINARY)) => binary(&payload),
        _ => text(&payload),
    };
    // Whatever the engine may write that is neither is not made worse.
    mended.map_or(payload, Bytes::from)
}

/// `length:packet…`, lengths in UTF-16 code units; none where there is nothing to mend.
fn text(payload: &[u8]) -> Option<Vec<u8>> {
    let mut rest = std::str::from_utf8(payload).ok().filter(|text| text.contains(":b"))?;
    let mut mended = String::with_capacity(payload.len() + 16);
    while !rest.is_empty() {
        let (length, packets) = rest.split_once(':')?;
        let length: usize = length.parse().ok()?;
        let (packet, after) = packets.split_at(utf16_offset(packets, length)?);
        match packet.strip_prefix('b') {
            Some(base64) => mended.extend([&(length + 1).to_string(), ":b4", base64]),
            None => mended.extend([&length.to_string(), ":", packet]),
        }
        rest = after;
    }
    Some(mended.into_bytes())
}

pub(super) fn utf16_offset(text: &str, units: usize) -> Option<usize> {
    let mut left = units;
    for (offset, c) in text.char_indices() {
        if left == 0 {
            return Some(offset);
        }
        left = left.checked_sub(c.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}

/// A packet of a binary payload, and what comes behind it.
pub(super) struct InBinary<'p> {
    pub(super) kind: u8,
    digits: &'p [u8],
    pub(super) packet: &'p [u8],
    pub(super) next: &'p [u8],
}

impl<'p> InBinary<'p> {
    pub(super) fn first_of(payload: &'p [u8]) -> Option<Self> {
        let (kind, after) = payload.split_first()?;
        let end = after.iter().position(|byte| *byte == END_OF_LENGTH)?;
        let (digits, packets) = (&after[..end], &after[end + 1..]);
        let length =
            digits.iter().try_fold(0_usize, |sum, digit| sum.checked_mul(10)?.checked_add(usize::from(*digit)))?;
        let (packet, next) = packets.split_at_checked(length)?;
        Some(Self { kind: *kind, digits, packet, next })
    }
}

fn binary(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut mended = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let InBinary { kind, digits, packet, next } = InBinary::first_of(rest)?;
        match packet {
            [b'b', base64 @ ..] if kind == STRING => {
                let bytes = STANDARD.decode(base64).ok()?;
                mended.push(BINARY);
                mended.extend((bytes.len() + 1).to_string().bytes().map(|digit| digit - b'0'));
                mended.extend([END_OF_LENGTH, MESSAGE - b'0']);
                mended.extend(bytes);
            }
            _ => {
                mended.push(kind);
                mended.extend(digits);
                mended.push(END_OF_LENGTH);
                mended.extend(packet);
            }
        }
        rest = next;
    }
    Some(mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(payload: &'static [u8]) -> Vec<u8> {
        with_typed_attachments(Bytes::from_static(payload)).to_vec()
    }

    #[test]
    fn an_attachment_in_a_text_payload_gets_its_type() {
        let payload = "5:4\u{1d54a}:b5:bAP8B2:40".as_bytes();
        assert_eq!(mended(payload), "5:4\u{1d54a}:b6:b4AP8B2:40".as_bytes());
    }

    #[test]
    fn an_attachment_in_a_binary_payload_gets_its_type() {
        let payload = b"\0\x02\xff40\0\x05\xffbAP8B\0\x01\x00\xff4123456789";
        assert_eq!(mended(payload), b"\0\x02\xff40\x01\x04\xff\x04\x00\xff\x01\0\x01\x00\xff4123456789");
    }

    #[test]
    fn what_has_no_attachment_or_no_form_stays() {
        for payload in ["2:40", "1:2", "", "99:bAAAA", "x:b", "-1:b", "5:4\u{e4}bcd1:6"] {
            assert_eq!(mended(payload.as_bytes()), payload.as_bytes());
        }
        for payload in [b"\0\x05\xffbA".as_slice(), b"\0\x02", b"\0\x02\xffb!", b"\x01\x02\xff\x04b"] {
            assert_eq!(mended(payload), payload);
        }
    }
}
