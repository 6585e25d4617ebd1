//! What waits for a client that does not read as fast as it is sent to.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Queue {
    bytes: BytesMut,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Sends at once what the client takes and nobody has to wait for; the rest waits.
    pub(super) fn push(&mut self, io: Option<&TcpStream>, bytes: &[u8]) {
        let sent = match io {
            // Whatever is wrong with the connection, its reader finds out.
            Some(io) if self.bytes.is_empty() => io.try_write(bytes).unwrap_or(0),
            _ => 0,
        };
        self.bytes.extend_from_slice(&bytes[sent..]);
    }

    /// Has it wait, behind what is there.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Sends at once what the client takes.
    pub(super) fn flush(&mut self, io: Option<&TcpStream>) {
        let sent = io.map_or(0, |io| io.try_write(&self.bytes).unwrap_or(0));
        self.bytes.advance(sent);
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
    }

    /// Sends what the client takes. True when it took something.
    pub(super) fn poll_drain(&mut self, mut io: Pin<&mut TcpStream>, cx: &mut Context<'_>) -> bool {
        let before = self.bytes.len();
        while !self.bytes.is_empty() {
            match io.as_mut().poll_write(cx, &self.bytes) {
                Poll::Ready(Ok(sent)) if sent > 0 => self.bytes.advance(sent),
                Poll::Ready(_) => self.bytes.clear(),
                Poll::Pending => break,
            }
        }
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
        self.bytes.len() < before
    }

    /// Sends the rest and waits until the client has closed too.
    pub(super) async fn linger(self, mut io: TcpStream) -> io::Result<()> {
        io.write_all(&self.bytes).await?;
        io.shutdown().await?;
        let mut discarded = [0; 512];
        while io.read(&mut discarded).await? > 0 {}
        Ok(())
    }
}
