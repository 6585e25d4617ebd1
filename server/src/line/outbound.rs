//! What the engine writes: whole frames, except where one was taken in part.

use socketioxide::socket::Sid;

use super::frames::{BINARY, CLOSE, Frames, Header, Seen, TEXT};
use crate::{lifetime::marker, metrics::Traffic, packet::Packet};

/// What the engine writes.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    frames: Frames,
    is_identified: bool,
    /// Events so far.
    events: u32,
    /// Messages of bytes that belong to the last packet and have not been written.
    attachments: u32,
    is_closed: bool,
}

/// What to do with the first bytes that are to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// They are for the client, so many of them.
    Pass(usize),
    /// A frame that clients do not get.
    Skip(usize),
    /// The frame that says that all before it is out.
    Marker(usize),
}

/// What the client was told that others have to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The id of its session.
    Sid(Sid),
    /// An acknowledgement.
    Ack(u64),
    /// The answer to a CONNECT, whichever it is.
    Connected,
}

impl Outbound {
    /// Whether the last byte ended a frame.
    pub(super) const fn is_between(&self) -> bool {
        self.frames.is_between()
    }

    /// Whether so many events are written in full, and another message may follow.
    pub(super) const fn has_written(&self, events: u32) -> bool {
        self.is_between() && self.attachments == 0 && !self.is_closed && self.events == events
    }

    /// What to do with what is to be written.
    pub(super) fn next(&self, bytes: &[u8]) -> Next {
        if !self.is_between() {
            return Next::Pass(bytes.len());
        }
        let mut end = 0;
        while let Some((frame, kind)) = first(&bytes[end..]) {
            match kind {
                Kind::ForClient => end += frame,
                _ if end > 0 => break,
                Kind::Close => return Next::Skip(frame),
                Kind::Marker => return Next::Marker(frame),
            }
        }
        Next::Pass(if end == 0 { bytes.len() } else { end })
    }

    /// These bytes were written.
    pub(super) fn saw(&mut self, bytes: &[u8], traffic: &Traffic, mut tell: impl FnMut(Told)) {
        let Self { frames, is_identified, events, attachments, is_closed } = self;
        frames.saw(bytes, |seen| {
            let Seen::Ends(header, head) = seen else { return };
            match (header.opcode, head) {
                (TEXT, [b'4', packet @ ..]) => {
                    traffic.sent(header.payload);
                    *attachments = Packet::attachments(packet);
                    match Packet::read(packet) {
                        Packet::Event { .. } => *events = events.wrapping_add(1),
                        Packet::Ack { id } => tell(Told::Ack(id)),
                        Packet::Other if matches!(packet, [b'0' | b'4', ..]) => tell(Told::Connected),
                        Packet::Other => {}
                    }
                }
                (BINARY, _) => {
                    traffic.sent(header.payload);
                    *attachments = attachments.saturating_sub(1);
                }
                (TEXT, [b'0', open @ ..]) if !*is_identified => {
                    *is_identified = true;
                    if let Some(sid) = session_id(open) {
                        tell(Told::Sid(sid));
                    }
                }
                (CLOSE, _) => *is_closed = true,
                _ => {}
            }
        });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    ForClient,
    /// Engine.IO's close packet: JavaScript clients do not look at it, and python-socketio stays away after it.
    Close,
    Marker,
}

/// Length and kind of the frame that the bytes begin with, if all of it is there.
fn first(bytes: &[u8]) -> Option<(usize, Kind)> {
    let header = Header::read(bytes)?;
    let length = header.length.checked_add(usize::try_from(header.payload).ok()?)?;
    let payload = bytes.get(header.length..length)?;
    let kind = match (header.opcode, payload) {
        (TEXT, b"1") => Kind::Close,
        (TEXT, payload) if marker::is(payload) => Kind::Marker,
        _ => Kind::ForClient,
    };
    Some((length, kind))
}

fn session_id(open: &[u8]) -> Option<Sid> {
    let rest = open.strip_prefix(br#"{"sid":""#)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn frame(payload: &str) -> Vec<u8> {
        [&[0x81, payload.len() as u8][..], payload.as_bytes()].concat()
    }

    #[test]
    fn the_marker_and_the_close_packet_are_found_between_what_is_for_the_client() {
        let marker = frame(&format!(r#"42["{}",null]"#, marker::name()));
        let (hello, close) = (frame("4hello"), frame("1"));
        let outbound = Outbound::default();
        assert_eq!(outbound.next(&[&hello[..], &hello, &marker, &hello].concat()), Next::Pass(2 * hello.len()));
        assert_eq!(outbound.next(&[&marker[..], &hello].concat()), Next::Marker(marker.len()));
        assert_eq!(outbound.next(&[&close[..], &hello].concat()), Next::Skip(close.len()));
        assert_eq!(outbound.next(&frame("10")), Next::Pass(4), "only the packet that is nothing but a close");
    }

    #[test]
    fn what_looks_like_a_marker_in_the_middle_of_a_message_is_none() {
        let message = frame(&format!(r#"42["message","42[\"{}\"]"]"#, marker::name()));
        assert_eq!(Outbound::default().next(&message), Next::Pass(message.len()));
        let mut outbound = Outbound::default();
        outbound.saw(&message[..5], &Arc::new(Traffic::default()), |_| {});
        assert_eq!(outbound.next(&frame("1")), Next::Pass(3), "the rest of a frame is not read as one");
    }

    #[test]
    fn acknowledgements_and_the_session_are_told() {
        let bytes = [frame(r#"0{"sid":"AAAAAAAAAAAAAAHs","upgrades":[]}"#), frame("2"), frame("437[1]")].concat();
        for piece in [1, 3, 1000] {
            let mut outbound = Outbound::default();
            let traffic = Traffic::default();
            let mut told = Vec::new();
            bytes.chunks(piece).for_each(|part| outbound.saw(part, &traffic, |what| told.push(what)));
            let sid = "AAAAAAAAAAAAAAHs".parse().expect("a session id");
            assert_eq!(told, [Told::Sid(sid), Told::Ack(7)]);
            assert_eq!(traffic.messages_sent(), 1, "a ping is no message");
        }
    }
}
