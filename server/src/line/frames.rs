//! Where one WebSocket frame ends and the next begins, in what the server sends (RFC 6455, section 5.2; never masked).

/// Follows the bytes that are sent.
#[derive(Debug, Default)]
pub(super) struct FrameTracker {
    header: [u8; 10],
    have: u8,
    payload: u64,
}

impl FrameTracker {
    /// Whether the last byte ended a frame.
    pub(super) fn is_between(&self) -> bool {
        self.have == 0 && self.payload == 0
    }

    /// These bytes were sent.
    pub(super) fn saw(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload > 0 {
                let skip = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
                bytes = &bytes[skip..];
                self.payload -= skip as u64;
                continue;
            }
            self.header[usize::from(self.have)] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if let Some(payload) = self.announced() {
                self.payload = payload;
                self.have = 0;
            }
        }
    }

    fn announced(&self) -> Option<u64> {
        let header = &self.header[..usize::from(self.have)];
        match (header.get(1)? & 0x7f, header.len()) {
            (126, 4) => Some(u64::from(u16::from_be_bytes([header[2], header[3]]))),
            (127, 10) => Some(header[2..].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))),
            (126 | 127, _) => None,
            (short, _) => Some(u64::from(short)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: usize) -> Vec<u8> {
        let mut frame = vec![0x81];
        match length {
            0..=125 => frame.push(length as u8),
            126..=65535 => frame.extend([&[126][..], &(length as u16).to_be_bytes()].concat()),
            _ => frame.extend([&[127][..], &(length as u64).to_be_bytes()].concat()),
        }
        frame.resize(frame.len() + length, 0xff);
        frame
    }

    #[test]
    fn the_end_of_every_frame_is_found_however_the_bytes_are_cut() {
        for piece in [1, 2, 3, 7, 1000, 1_000_000] {
            for length in [0, 1, 125, 126, 127, 65535, 65536, 100_000] {
                let bytes = [frame(3), frame(length), frame(0)].concat();
                let mut tracker = FrameTracker::default();
                let mut sent = 0;
                for part in bytes.chunks(piece) {
                    tracker.saw(part);
                    sent += part.len();
                    let ends = [frame(3).len(), bytes.len() - 2, bytes.len()];
                    assert_eq!(tracker.is_between(), ends.contains(&sent), "{length} {piece} {sent}");
                }
            }
        }
    }
}
