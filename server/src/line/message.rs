//! A message that many clients get alike, as it goes over the wire.

/// The last frame of a text (RFC 6455, section 5.2), which is the first one too.
const WHOLE_TEXT: u8 = 0x81;
/// Engine.IO message, Socket.IO event, main namespace.
const EVENT: &[u8; 2] = b"42";

/// An event of the main namespace, for clients of Engine.IO 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    frame: Vec<u8>,
    length: u64,
}

impl Message {
    /// Of an event's name and arguments, encoded.
    #[must_use]
    pub fn event(data: &str) -> Self {
        let length = (EVENT.len() + data.len()) as u64;
        let mut frame = Vec::with_capacity(10 + EVENT.len() + data.len());
        frame.push(WHOLE_TEXT);
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ 0..=125), _) => frame.push(short),
            (_, Ok(middle)) => {
                frame.push(126);
                frame.extend_from_slice(&middle.to_be_bytes());
            }
            (_, Err(_)) => {
                frame.push(127);
                frame.extend_from_slice(&length.to_be_bytes());
            }
        }
        frame.extend_from_slice(EVENT);
        frame.extend_from_slice(data.as_bytes());
        Self { frame, length }
    }

    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::frames::Header;

    #[test]
    fn a_message_of_any_length_is_one_whole_frame() {
        for length in [0, 1, 123, 124, 125, 65_532, 65_533, 65_534, 100_000] {
            let message = Message::event(&"x".repeat(length));
            let header = Header::read(message.frame()).expect("a header");
            assert!(header.is_final && header.opcode == 1, "{length}");
            assert_eq!(header.payload, message.length());
            assert_eq!(message.frame().len(), header.length + length + 2);
            assert_eq!(&message.frame()[header.length..header.length + 2], b"42");
        }
    }
}
