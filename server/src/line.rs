//! The wire of a WebSocket, with a kill switch that says goodbye.
//!
//! The engine closes no single session, and a Socket.IO disconnect packet would tell clients not to come back. So the
//! bytes pass through here: when the line is cut, the client gets a close frame with code and reason, and the engine sees
//! the end of the stream.

mod frames;

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use futures::task::AtomicWaker;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time,
};

use crate::connections::Ticket;
use frames::FrameTracker;

/// How long a client may take to answer a close frame.
const GOODBYE: Duration = Duration::from_secs(2);

/// Why the server closes a connection: a WebSocket close code and a reason of at most 123 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell {
    code: u16,
    reason: &'static str,
}

impl Farewell {
    /// The policy changed.
    pub const ORIGIN: Self = Self { code: 1008, reason: "origin is no longer allowed" };
    /// The process ends.
    pub const SHUTDOWN: Self = Self { code: 1001, reason: "server is shutting down, connect again" };

    fn frame(self) -> Vec<u8> {
        let length = u8::try_from(2 + self.reason.len()).expect("reasons are short");
        let mut frame = vec![0x88, length];
        frame.extend(self.code.to_be_bytes());
        frame.extend(self.reason.as_bytes());
        frame
    }
}

/// The kill switch.
#[derive(Debug, Default)]
pub struct Line {
    farewell: OnceLock<Farewell>,
    reader: AtomicWaker,
}

impl Line {
    /// Ends the connection; the first farewell counts.
    pub fn cut(&self, farewell: Farewell) {
        self.farewell.set(farewell).ok();
        self.reader.wake();
    }
}

/// The wire.
#[derive(Debug)]
pub struct Wire {
    io: Option<TcpStream>,
    /// What the client sent together with its request.
    early: Bytes,
    ticket: Ticket,
    line: Arc<Line>,
    frames: FrameTracker,
    writer: Option<Waker>,
    is_over: bool,
}

impl Wire {
    /// The wire of a registered WebSocket.
    #[must_use]
    pub fn new(io: TcpStream, early: Bytes, ticket: Ticket) -> Self {
        let line = Arc::clone(&ticket.line);
        Self { io: Some(io), early, ticket, line, frames: FrameTracker::default(), writer: None, is_over: false }
    }

    fn io(&mut self) -> Pin<&mut TcpStream> {
        Pin::new(self.io.as_mut().expect("taken on drop only"))
    }

    fn is_cut(&self) -> bool {
        self.line.farewell.get().is_some()
    }

    /// Between two frames there is room for a close frame; a client that does not read gets none.
    fn say_goodbye(&mut self, farewell: Farewell, cx: &mut Context<'_>) {
        self.is_over = true;
        if self.frames.is_between() {
            let frame = farewell.frame();
            let written = self.io().poll_write(cx, &frame);
            tracing::debug!(code = farewell.code, ?written, "connection closed by the server");
        }
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.line.reader.register(cx.waker());
        if let Some(farewell) = self.line.farewell.get().copied() {
            if !self.is_over {
                self.say_goodbye(farewell, cx);
            }
            return Poll::Ready(Ok(()));
        }
        if self.early.has_remaining() {
            let length = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(length));
            return Poll::Ready(Ok(()));
        }
        self.io().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_cut() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let written = match self.io().poll_write(cx, buffer) {
            Poll::Pending => {
                self.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Poll::Ready(written) => written?,
        };
        self.frames.saw(&buffer[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.io().poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let Some(io) = self.io.take().filter(|_| self.is_over) else { return };
        // Closing with unread bytes would reset the connection and with it the close frame on its way.
        if tokio::runtime::Handle::try_current().is_ok() {
            self.ticket.goodbyes().spawn(time::timeout(GOODBYE, linger(io)));
        }
    }
}

async fn linger(mut io: TcpStream) -> io::Result<()> {
    io.shutdown().await?;
    let mut discarded = [0; 512];
    while io.read(&mut discarded).await? > 0 {}
    Ok(())
}
