//! What is sent to a client, whatever carries it there.

use std::collections::VecDeque;

use bytes::Bytes;
use engineioxide_core::{Packet, PacketBuf, ProtocolVersion, Str};
use smallvec::smallvec;

/// Something for a client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outgoing {
    /// A text.
    Text(Str),
    /// Bytes.
    Binary(Bytes),
    /// A text and the bytes that belong to it. Nothing comes between them.
    Attached(Box<(Str, VecDeque<Bytes>)>),
    Ping,
    Pong,
    /// Nothing; a poll that waits is answered with it.
    Noop,
    Close,
}

impl Outgoing {
    /// The packets of a polling payload.
    pub(crate) fn into_packets(self, protocol: ProtocolVersion) -> PacketBuf {
        let binary = |bytes| match protocol {
            ProtocolVersion::V3 => Packet::BinaryV3(bytes),
            ProtocolVersion::V4 => Packet::Binary(bytes),
        };
        match self {
            Self::Text(text) => smallvec![Packet::Message(text)],
            Self::Binary(bytes) => smallvec![binary(bytes)],
            Self::Attached(message) => {
                let (text, attachments) = *message;
                std::iter::once(Packet::Message(text)).chain(attachments.into_iter().map(binary)).collect()
            }
            Self::Ping => smallvec![Packet::Ping],
            Self::Pong => smallvec![Packet::Pong],
            Self::Noop => smallvec![Packet::Noop],
            Self::Close => smallvec![Packet::Close],
        }
    }

    /// What was made into packets; none where nothing is left of it.
    pub(crate) fn from_packets(packets: PacketBuf) -> Option<Self> {
        let mut packets = packets.into_iter();
        let bytes = |packet| match packet {
            Packet::Binary(bytes) | Packet::BinaryV3(bytes) => Some(bytes),
            _ => None,
        };
        match packets.next()? {
            Packet::Message(text) => {
                let attachments: VecDeque<_> = packets.filter_map(bytes).collect();
                Some(if attachments.is_empty() {
                    Self::Text(text)
                } else {
                    Self::Attached(Box::new((text, attachments)))
                })
            }
            Packet::Ping => Some(Self::Ping),
            Packet::Pong => Some(Self::Pong),
            Packet::Close => Some(Self::Close),
            packet => bytes(packet).map(Self::Binary),
        }
    }
}
