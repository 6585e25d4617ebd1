//! WebSocket frames in a stream of bytes (RFC 6455, section 5.2), whichever way the bytes are cut.

/// How much of a text is kept to see what it is.
pub(super) const HEAD: usize = 48;
/// The longest header: two bytes, eight of length, four of mask.
const LONGEST_HEADER: usize = 14;

/// Text.
pub(super) const TEXT: u8 = 1;
/// Bytes.
pub(super) const BINARY: u8 = 2;
/// The end.
pub(super) const CLOSE: u8 = 8;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Text, binary, close, or another.
    pub(super) opcode: u8,
    /// Whether the message ends with this frame.
    pub(super) is_final: bool,
    /// Length of the payload.
    pub(super) payload: u64,
    /// Length of the header itself.
    pub(super) length: usize,
    mask: [u8; 4],
}

impl Header {
    /// Reads one; none where there are too few bytes for it.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [first, second, ..] = *bytes else { return None };
        let (payload, length) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
            127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 10),
            short => (u64::from(short), 2),
        };
        let (mask, length) = match second & 0x80 {
            0 => ([0; 4], length),
            _ => (bytes.get(length..length + 4)?.try_into().ok()?, length + 4),
        };
        Some(Self { opcode: first & 0x0f, is_final: first & 0x80 != 0, payload, length, mask })
    }

    /// Whether it belongs to a message rather than to the connection.
    pub(super) const fn is_data(&self) -> bool {
        self.opcode & 0x08 == 0
    }
}

/// What there is to know about the stream at some byte of it.
#[derive(Debug)]
pub(super) enum Seen<'a> {
    /// A frame begins.
    Begins(Header),
    /// A frame has ended; what it says begins like this.
    Ends(Header, &'a [u8]),
}

/// Follows a stream.
#[derive(Debug)]
pub(super) struct Frames {
    bytes: [u8; LONGEST_HEADER],
    have: u8,
    header: Option<Header>,
    /// Bytes of the payload that have come.
    come: u64,
    head: [u8; HEAD],
}

impl Default for Frames {
    fn default() -> Self {
        Self { bytes: [0; LONGEST_HEADER], have: 0, header: None, come: 0, head: [0; HEAD] }
    }
}

impl Frames {
    /// Whether the last byte ended a frame.
    pub(super) const fn is_between(&self) -> bool {
        self.have == 0 && self.header.is_none()
    }

    /// These bytes came next.
    pub(super) fn saw(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Seen<'_>)) {
        while !bytes.is_empty() {
            let header = match self.header {
                Some(header) => header,
                None => {
                    self.bytes[usize::from(self.have)] = bytes[0];
                    self.have += 1;
                    bytes = &bytes[1..];
                    let Some(header) = Header::read(&self.bytes[..usize::from(self.have)]) else { continue };
                    tell(Seen::Begins(header));
                    (self.have, self.come, self.header) = (0, 0, Some(header));
                    header
                }
            };
            let left = usize::try_from(header.payload - self.come).unwrap_or(usize::MAX);
            let (payload, rest) = bytes.split_at(left.min(bytes.len()));
            self.keep(&header, payload);
            self.come += payload.len() as u64;
            bytes = rest;
            if self.come == header.payload {
                let length = usize::try_from(header.payload).map_or(HEAD, |length| length.min(HEAD));
                tell(Seen::Ends(header, &self.head[..length]));
                self.header = None;
            }
        }
    }

    fn keep(&mut self, header: &Header, payload: &[u8]) {
        let from = usize::try_from(self.come).unwrap_or(HEAD).min(HEAD);
        for (index, (kept, byte)) in self.head[from..].iter_mut().zip(payload).enumerate() {
            *kept = byte ^ header.mask[(from + index) % 4];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(opcode: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
        let masked = if mask.is_some() { 0x80 } else { 0 };
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            length @ 0..=125 => frame.push(masked | length as u8),
            length @ 126..=65535 => frame.extend([&[masked | 126][..], &(length as u16).to_be_bytes()].concat()),
            length => frame.extend([&[masked | 127][..], &(length as u64).to_be_bytes()].concat()),
        }
        frame.extend(mask.into_iter().flatten());
        let mask = mask.unwrap_or_default();
        frame.extend(payload.iter().enumerate().map(|(index, byte)| byte ^ mask[index % 4]));
        frame
    }

    proptest! {
        #[test]
        fn every_frame_is_found_however_the_bytes_are_cut(
            payloads in prop::collection::vec((prop::sample::select(vec![0, 1, 47, 48, 49, 125, 126, 127, 65535, 65536, 70000]), any::<Option<[u8; 4]>>()), 1..5),
            piece in prop::sample::select(vec![1_usize, 2, 3, 7, 1000, 1_000_000]),
        ) {
            let payload = |length: usize| (0..length).map(|index| index as u8).collect::<Vec<_>>();
            let bytes: Vec<_> = payloads.iter().flat_map(|(length, mask)| frame(TEXT, &payload(*length), *mask)).collect();
            let mut frames = Frames::default();
            let mut ended = Vec::new();
            for part in bytes.chunks(piece) {
                frames.saw(part, |seen| if let Seen::Ends(header, head) = seen {
                    ended.push((header.payload, head.to_vec()));
                });
            }
            let expected: Vec<_> = payloads.iter().map(|(length, _)| (*length as u64, payload((*length).min(HEAD)))).collect();
            prop_assert_eq!(ended, expected);
            prop_assert!(frames.is_between());
        }
    }

    #[test]
    fn the_middle_of_a_frame_is_not_between_frames() {
        let bytes = frame(TEXT, b"abc", Some([1, 2, 3, 4]));
        for end in 1..bytes.len() {
            let mut frames = Frames::default();
            frames.saw(&bytes[..end], |_| {});
            assert!(!frames.is_between(), "{end}");
        }
    }
}
