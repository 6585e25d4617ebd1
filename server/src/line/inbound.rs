//! What the client sends: its messages are counted, measured and paced, and it is known what it waits for.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::frames::{BINARY, CLOSE, Frames, HEAD, Header, Seen, TEXT};
use crate::{
    farewell::{Cause, Farewell},
    metrics::Traffic,
    overload::{Limits, Pace},
    packet::{OpenAcks, Packet},
};

/// What the client sends.
#[derive(Debug)]
pub(super) struct Inbound {
    frames: Frames,
    message: Message,
    /// Messages of bytes that belong to the last event and have not come.
    attachments: u32,
    open: OpenAcks,
    /// CONNECTs without an answer.
    connecting: u32,
    /// A session that began with polling is on its WebSocket when the client says so.
    is_established: bool,
    end: Option<Cause>,
    /// There is nobody at the other end any more.
    is_over: bool,
    last: Instant,
    pace: Option<Pace>,
    limits: Arc<Limits>,
}

/// The message that is coming.
#[derive(Debug, Default)]
struct Message {
    is_half_way: bool,
    /// Of its frames so far.
    size: u64,
    /// Whether it is a Socket.IO one, or one of Engine.IO's own.
    is_payload: bool,
}

impl Inbound {
    pub(super) fn new(limits: Arc<Limits>, is_established: bool) -> Self {
        Self {
            frames: Frames::default(),
            message: Message::default(),
            attachments: 0,
            open: OpenAcks::default(),
            connecting: 0,
            is_established,
            end: None,
            is_over: false,
            last: Instant::now(),
            pace: limits.pace(),
            limits,
        }
    }

    /// Whether the session is on this WebSocket.
    pub(super) const fn is_established(&self) -> bool {
        self.is_established
    }

    /// No message is half-way, and nobody waits for an acknowledgement.
    pub(super) fn is_quiet(&self) -> bool {
        self.is_established
            && self.frames.is_between()
            && !self.message.is_half_way
            && self.attachments == 0
            && self.open.are_settled(Instant::now())
    }

    /// An acknowledgement was sent.
    pub(super) fn acknowledged(&mut self, id: u64) {
        self.open.given(id);
    }

    /// A CONNECT was answered.
    pub(super) fn connected(&mut self) {
        self.connecting = self.connecting.saturating_sub(1);
    }

    /// Whether the client has every answer that it asked for, and has not said goodbye.
    pub(super) fn has_answers(&self) -> bool {
        self.open.are_given() && self.connecting == 0 && self.end.is_none()
    }

    /// These bytes came.
    ///
    /// # Errors
    /// How to end the connection, when they are too many.
    pub(super) fn saw(&mut self, bytes: &[u8], traffic: &Traffic) -> Result<(), Farewell> {
        self.last = Instant::now();
        let mut frames = std::mem::take(&mut self.frames);
        let mut is_too_big = false;
        let mut messages = 0;
        frames.saw(bytes, |seen| match seen {
            Seen::Begins(header) => is_too_big |= self.begins(&header),
            Seen::Ends(header, head) => messages += u32::from(self.ends(&header, head, traffic)),
        });
        self.frames = frames;
        if let Some(pace) = &mut self.pace {
            pace.took(messages, self.last);
        }
        if is_too_big { Err(Farewell::TOO_BIG) } else { Ok(()) }
    }

    fn begins(&mut self, header: &Header) -> bool {
        if !header.is_data() {
            return false;
        }
        self.message.size = self.message.size.saturating_add(header.payload);
        self.message.size > u64::from(self.limits.message_size)
    }

    /// Whether a message is complete.
    fn ends(&mut self, header: &Header, head: &[u8], traffic: &Traffic) -> bool {
        match header.opcode {
            TEXT => {
                if !header.is_final {
                    // What it asks for may be in the rest.
                    self.open.overlooked();
                }
                self.text(head);
            }
            BINARY => {
                self.message.is_payload = true;
                self.attachments = self.attachments.saturating_sub(1);
            }
            CLOSE => self.end = self.end.or(Some(Cause::Client)),
            _ => {}
        }
        if !header.is_data() {
            return false;
        }
        self.message.is_half_way = !header.is_final;
        if !header.is_final {
            return false;
        }
        let Message { size, is_payload, .. } = std::mem::take(&mut self.message);
        if is_payload {
            traffic.received(size);
        }
        is_payload
    }

    fn text(&mut self, head: &[u8]) {
        match head {
            [b'4', packet @ ..] => {
                self.message.is_payload = true;
                match Packet::read(packet) {
                    Packet::Event { ack, attachments } => {
                        self.attachments = attachments;
                        if let Some(id) = ack {
                            self.open.asked(id, self.last);
                        }
                    }
                    Packet::Other if packet.first() == Some(&b'0') => {
                        self.connecting = self.connecting.saturating_add(1)
                    }
                    Packet::Ack { .. } | Packet::Other => {}
                }
            }
            [b'5', ..] => self.is_established = true,
            [b'1', ..] => self.end = self.end.or(Some(Cause::Client)),
            _ => {}
        }
        debug_assert!(head.len() <= HEAD);
    }

    /// Nothing more has come.
    pub(super) fn is_drained(&mut self) {
        if let Some(pace) = &mut self.pace {
            pace.caught_up();
        }
    }

    /// How long to wait before more is read.
    ///
    /// # Errors
    /// When the client has been too fast for too long.
    pub(super) fn pause(&mut self) -> Result<Option<Duration>, Farewell> {
        let Some(pace) = &mut self.pace else { return Ok(None) };
        pace.pause(Instant::now())
    }

    /// The stream ended.
    pub(super) fn ended(&mut self) {
        self.is_over = true;
        self.end = self.end.or(Some(Cause::Abnormal));
    }

    /// Whether there is nobody to say goodbye to.
    pub(super) fn is_broken(&self) -> bool {
        self.is_over
    }

    /// Why the connection ended, as far as this side of it knows.
    pub(super) fn cause(&self) -> Cause {
        let is_lost = self.last.elapsed() >= self.limits.ping_timeout;
        match self.end {
            _ if !self.is_established => Cause::UpgradeFailed,
            Some(cause) => cause,
            None if is_lost => Cause::PingTimeout,
            None => Cause::ProtocolError,
        }
    }
}
