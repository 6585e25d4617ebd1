//! A TCP connection while it speaks HTTP, with a note of what it is doing, so that those that do nothing can be closed.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep},
};

/// A new connection may wait so long before it sends anything.
const FIRST_BYTE: Duration = Duration::from_secs(60);
/// The head of a request may take so long.
const HEAD: Duration = Duration::from_secs(10);
/// Longer than load balancers keep idle connections (Google's: 600 s), so that they close first and no request
/// meets a connection that is closing.
const IDLE: Duration = Duration::from_secs(650);

const NEW: u64 = 0;
const READING_HEAD: u64 = 1;
const SERVING: u64 = 2;
const IDLING: u64 = 3;

/// What a connection is doing, and since when.
#[derive(Debug)]
pub struct Activity {
    start: Instant,
    /// Milliseconds since the start, and one of the four states in the lowest two bits.
    now: AtomicU64,
}

impl Activity {
    /// Of a connection that was just accepted.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now(), now: AtomicU64::new(NEW) }
    }

    /// A request is complete up to its body.
    pub fn serves(&self) {
        self.set(SERVING);
    }

    /// A response was handed over.
    pub fn served(&self) {
        self.set(IDLING);
    }

    /// When patience may end at the earliest.
    #[must_use]
    pub fn next_look(&self) -> Instant {
        self.deadline().unwrap_or_else(|| Instant::now() + HEAD)
    }

    /// Ready when the connection has let its patience run out. The timer is brought nearer at once, and put off only when it
    /// fires, so that a connection that works costs no timer at all.
    pub fn poll_patience(&self, mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(deadline) = self.deadline().filter(|deadline| *deadline < timer.deadline()) {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if self.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
                return Poll::Ready(());
            }
            timer.as_mut().reset(self.next_look());
        }
    }

    /// When the connection is to be closed unless something happens, if it waits for its client.
    fn deadline(&self) -> Option<Instant> {
        let now = self.now.load(Ordering::Relaxed);
        let patience = match now & 3 {
            NEW => FIRST_BYTE,
            READING_HEAD => HEAD,
            SERVING => return None,
            _ => IDLE,
        };
        Some(self.start + Duration::from_millis(now >> 2) + patience)
    }

    fn received(&self) {
        if matches!(self.now.load(Ordering::Relaxed) & 3, NEW | IDLING) {
            self.set(READING_HEAD);
        }
    }

    fn set(&self, state: u64) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX >> 2);
        self.now.store(millis << 2 | state, Ordering::Relaxed);
    }
}

impl Default for Activity {
    fn default() -> Self {
        Self::new()
    }
}

/// A TCP connection while it speaks HTTP.
#[derive(Debug)]
pub struct HttpIo {
    stream: TcpStream,
    activity: Arc<Activity>,
}

impl HttpIo {
    /// Notes what the connection does.
    #[must_use]
    pub fn new(stream: TcpStream, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }

    /// The connection itself, once it speaks something else.
    #[must_use]
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }
}

impl AsyncRead for HttpIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.activity.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HttpIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
