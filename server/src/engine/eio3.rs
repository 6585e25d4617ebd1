//! How Engine.IO 3, for clients of version 2, puts packets into a polling payload.

/// In a binary payload each packet begins with its kind and the digits of its length, up to this.
const END_OF_LENGTH: u8 = 0xff;
pub(super) const BINARY: u8 = 1;

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
        Some(Self { kind: *kind, packet, next })
    }
}
