//! The server's answer to CONNECT. The library writes `40{"sid":"..."}`; a client that is to come back as itself needs `pid` too, and one that
//! came back its old `sid`. So the answer is mended on its way out, once for each connection.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Recovery;

/// Engine.IO message, Socket.IO CONNECT, main namespace.
const CONNECT: &str = "40{\"sid\":\"";
/// Between the packets of a poll of Engine.IO 4.
const SEPARATOR: char = '\u{1e}';
const TEXT_FRAME: u8 = 0x81;

impl Recovery {
    /// The packet that goes out in place of this one, if it is the answer to CONNECT and has to say more.
    fn mended(&self, packet: &str) -> Option<String> {
        let (sid, _) = packet.strip_prefix(CONNECT)?.split_once('"')?;
        let (id, pid) = self.reply(sid.parse().ok()?)?;
        Some(format!("{CONNECT}{id}\",\"pid\":\"{}\"}}", pid.as_str()))
    }

    /// Mends the answer to a poll of Engine.IO 4.
    #[must_use]
    pub fn mend(&self, payload: Bytes) -> Bytes {
        let Ok(text) = std::str::from_utf8(&payload) else { return payload };
        if !text.starts_with(CONNECT) && !text.contains("\u{1e}40{\"sid\":\"") {
            return payload;
        }
        let packets = text.split(SEPARATOR).map(|packet| self.mended(packet).unwrap_or_else(|| packet.to_owned()));
        packets.collect::<Vec<_>>().join("\u{1e}").into()
    }

    /// Mends what goes out through a WebSocket of Engine.IO 4, and leaves it alone from then on.
    #[must_use]
    pub fn watch<W>(self: &Arc<Self>, wire: W, eio: u8) -> Watched<W> {
        let recovery = Some(Arc::clone(self)).filter(|recovery| eio == 4 && recovery.is_on());
        Watched { wire, recovery, taken: BytesMut::new(), ready: BytesMut::new() }
    }
}

/// A wire whose CONNECT reply is mended.
pub struct Watched<W> {
    wire: W,
    /// Until the client is connected.
    recovery: Option<Arc<Recovery>>,
    /// The beginning of a frame.
    taken: BytesMut,
    /// Whole frames that are not written yet.
    ready: BytesMut,
}

impl<W: fmt::Debug> fmt::Debug for Watched<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("wire", &self.wire).finish_non_exhaustive()
    }
}

impl<W: AsyncWrite + Unpin> Watched<W> {
    fn take(&mut self, bytes: &[u8]) {
        self.taken.extend_from_slice(bytes);
        while let Some(recovery) = &self.recovery {
            let Some((header, length)) = frame(&self.taken) else { return };
            let whole = self.taken.split_to(header + length);
            let packet = Some(&whole[header..]).filter(|_| whole[0] == TEXT_FRAME);
            let packet = packet.and_then(|packet| std::str::from_utf8(packet).ok()).unwrap_or_default();
            let mended = recovery.mended(packet);
            // An error in place of the answer may be followed by another attempt.
            let is_over = packet.starts_with('4') && !packet.starts_with("44");
            match mended {
                Some(packet) => write_frame(&mut self.ready, &packet),
                None => self.ready.extend_from_slice(&whole),
            }
            if is_over {
                self.recovery = None;
            }
        }
        let rest = std::mem::take(&mut self.taken);
        self.ready.extend_from_slice(&rest);
    }

    fn poll_ready_bytes(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.ready.has_remaining() {
            let written = ready!(Pin::new(&mut self.wire).poll_write(cx, &self.ready))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.ready.advance(written);
        }
        self.ready = BytesMut::new();
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncRead + Unpin> AsyncRead for Watched<W> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, buffer)
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Watched<W> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_ready_bytes(cx))?;
        if self.recovery.is_none() {
            return Pin::new(&mut self.wire).poll_write(cx, buffer);
        }
        self.take(buffer);
        // What cannot go out now goes with the flush that follows.
        if let Poll::Ready(Err(error)) = self.poll_ready_bytes(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_ready_bytes(cx))?;
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_ready_bytes(cx))?;
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

/// Lengths of header and payload of a whole frame from a server, which masks nothing (RFC 6455, section 5.2).
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (header, length): (usize, usize) = match bytes.get(1)? & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    (bytes.len() >= header.checked_add(length)?).then_some((header, length))
}

fn write_frame(to: &mut BytesMut, packet: &str) {
    let length = u8::try_from(packet.len()).ok().filter(|length| *length < 126).expect("ids are short");
    to.extend_from_slice(&[TEXT_FRAME, length]);
    to.extend_from_slice(packet.as_bytes());
}
