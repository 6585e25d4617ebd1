//! The wire of a WebSocket.
//!
//! The engine closes no single session, and a Socket.IO disconnect packet would tell clients not to come back. So the bytes pass through
//! here: the wire sees where messages begin and end, knows which events still wait for their acknowledgement, and puts the close frame
//! where nothing is lost. What is published to many is written here past the engine, one frame for all of them, wherever nothing that the
//! client has to see before is still on its way.

mod core;
mod frames;
mod inbound;
mod message;
#[cfg(test)]
mod order;
mod outbound;
mod queue;
mod switch;

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use self::core::Core;
use crate::connections::Ticket;
pub use message::Message;
pub use switch::{Departure, Line, Stage};

/// How long a client may take to answer a close frame.
pub const GOODBYE: Duration = Duration::from_secs(2);

/// The wire, as the engine has it.
#[derive(Debug)]
pub struct Wire {
    line: Arc<Line>,
}

impl Wire {
    /// The wire of a registered WebSocket.
    #[must_use]
    pub fn new(io: TcpStream, early: Bytes, ticket: Ticket) -> Self {
        let line = Arc::clone(&ticket.line);
        line.attach(Core::new(io, early, ticket));
        Self { line }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.line.with(|core| core.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.line.with(|core| core.poll_write(cx, buffer))
    }

    /// What waits is no reason for the engine to wait too.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.with(|core| core.poll_shutdown(cx))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        drop(self.line.detach());
    }
}
