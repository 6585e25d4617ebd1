//! The inside of a wire. The engine reaches it, and so does whoever publishes, one at a time.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{self, Sleep},
};

use super::{
    Departure, GOODBYE, Line,
    inbound::Inbound,
    message::Message,
    outbound::{Next, Outbound, Told},
    queue::Queue,
};
use crate::{connections::Ticket, farewell::Farewell, metrics::Traffic};

/// All that a wire is.
#[derive(Debug)]
pub(super) struct Core {
    io: Option<TcpStream>,
    /// What the client sent together with its request.
    early: Bytes,
    ticket: Ticket,
    line: Arc<Line>,
    traffic: Arc<Traffic>,
    inbound: Inbound,
    outbound: Outbound,
    queue: Queue,
    state: State,
    /// Whether all that the client waits for went through here from the beginning, in frames that are known here.
    is_followed: bool,
    /// Nothing waits for the client but what somebody put there who is about to flush it.
    is_to_be_flushed: bool,
    /// The engine's writer, while there is no room for what it has.
    writer: Option<Waker>,
    /// Runs while the client takes no byte of what waits.
    stall: Option<Pin<Box<Sleep>>>,
    /// Runs while nothing is to be read, or until the client has to have answered the close frame.
    timer: Option<Pin<Box<Sleep>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The close frame is out. What the client sent before it saw it is still read; what the engine writes comes too late.
    Left,
    /// The end, with a close frame if there was room for one.
    Cut,
}

impl Core {
    /// Of a registered WebSocket.
    pub(super) fn new(io: TcpStream, early: Bytes, ticket: Ticket) -> Self {
        let line = Arc::clone(&ticket.line);
        let inbound = Inbound::new(ticket.limits(), ticket.sid.is_none());
        let core = Self {
            io: Some(io),
            early,
            line,
            traffic: ticket.traffic(),
            inbound,
            outbound: Outbound::default(),
            queue: Queue::default(),
            state: State::Open,
            is_followed: ticket.sid.is_none() && ticket.eio() == 4,
            is_to_be_flushed: false,
            writer: None,
            stall: None,
            timer: None,
            ticket,
        };
        core.tell_quiet();
        core
    }

    /// Sends a close frame. In the middle of another frame there is no room for one.
    fn close(&mut self, state: State, farewell: Farewell) {
        if self.state == State::Open && self.outbound.is_between() {
            self.queue.push(self.io.as_ref(), &farewell.frame());
            tracing::debug!(sid = ?self.line.sid(), code = farewell.code, "connection closed by the server");
        }
        self.state = state;
        self.timer = Some(Box::pin(time::sleep(GOODBYE)));
        self.wake_writer();
    }

    fn leave(&mut self, departure: &Departure) {
        self.close(State::Left, departure.farewell());
        departure.left();
        // The timer is the reader's.
        self.line.wake();
    }

    /// Whether no more may wait for the client.
    fn is_full(&self) -> bool {
        self.queue.len() >= self.ticket.limits().send_buffer
    }

    fn wake_writer(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.wake();
        }
    }

    /// What is to be done before anything is read. Ready when nothing is to be read any more.
    fn poll_duties(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let (Some(farewell), true) = (self.line.is_cut(), self.state != State::Cut) {
            self.close(State::Cut, farewell);
        }
        if self.state == State::Cut {
            return Poll::Ready(());
        }
        if let (Some(departure), State::Open) = (self.line.departure().cloned(), self.state) {
            // An event that nobody answers is not waited for any more after a while, though nothing has happened.
            self.tell_quiet();
            if departure.needs_no_marker() && self.outbound.is_between() {
                self.leave(&departure);
            }
        }
        self.poll_queue(cx);
        match (self.state, &mut self.timer) {
            (State::Left, Some(timer)) => timer.as_mut().poll(cx),
            _ => Poll::Pending,
        }
    }

    /// Sends what waits. A client that takes none of it for too long is cut off.
    fn poll_queue(&mut self, cx: &mut Context<'_>) {
        self.is_to_be_flushed = false;
        if self.queue.is_empty() {
            return;
        }
        let Some(io) = self.io.as_mut() else { return };
        if self.queue.poll_drain(Pin::new(io), cx) {
            self.stall = None;
        }
        if !self.is_full() {
            self.wake_writer();
        }
        if self.queue.is_empty() {
            return;
        }
        let patience = self.ticket.limits().stall;
        let stall = self.stall.get_or_insert_with(|| Box::pin(time::sleep(patience)));
        if stall.as_mut().poll(cx).is_ready() {
            self.line.cut(Farewell::SLOW);
        }
    }

    /// Ready when the client may go on; one that is too fast waits.
    fn poll_pace(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Farewell>> {
        if self.state != State::Open {
            return Poll::Ready(Ok(()));
        }
        let Some(pause) = self.inbound.pause()? else { return Poll::Ready(Ok(())) };
        let timer = self.timer.insert(Box::pin(time::sleep(pause)));
        timer.as_mut().poll(cx).map(Ok)
    }

    fn tell_quiet(&self) {
        if self.inbound.is_established() && !self.line.is_established() {
            self.line.established();
        }
        self.line.quiet(self.inbound.is_quiet());
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.line.register(cx.waker());
        if self.poll_duties(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        if let Err(farewell) = ready!(self.poll_pace(cx)) {
            self.line.cut(farewell);
            return self.poll_duties(cx).map(Ok);
        }
        let before = buffer.filled().len();
        if self.early.has_remaining() {
            let length = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(length));
        } else {
            let io = self.io.as_mut().expect("taken on drop only");
            match Pin::new(io).poll_read(cx, buffer) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    self.inbound.ended();
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => {
                    self.inbound.is_drained();
                    return Poll::Pending;
                }
            }
        }
        let come = &buffer.filled()[before..];
        if come.is_empty() {
            self.inbound.ended();
        } else if let Err(farewell) = self.inbound.saw(come, &self.traffic) {
            buffer.set_filled(before);
            self.line.cut(farewell);
            return self.poll_duties(cx).map(Ok);
        }
        self.tell_quiet();
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        match (self.state, self.line.is_cut()) {
            (State::Cut, _) | (_, Some(_)) => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            (State::Left, None) => return Poll::Ready(Ok(buffer.len())),
            (State::Open, None) => {}
        }
        let length = match (self.outbound.next(buffer), self.line.departure().cloned()) {
            (Next::Pass(length), _) => length,
            (Next::Marker(length), Some(departure)) => {
                if departure.is_forced() || self.inbound.is_quiet() {
                    self.leave(&departure);
                } else {
                    departure.missed();
                }
                return Poll::Ready(Ok(length));
            }
            (Next::Marker(length) | Next::Skip(length), _) => return Poll::Ready(Ok(length)),
        };
        if self.is_full() {
            // The engine stops reading when it closes a session, and still has to send what it has: nobody else would see the client take it, or not.
            self.poll_queue(cx);
            if self.line.is_cut().is_some() {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if self.is_full() {
                self.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
        let passed = &buffer[..length];
        self.flush();
        self.queue.push(self.io.as_ref(), passed);
        if !self.queue.is_empty() {
            // One waits for the socket to take more: the reader.
            self.line.wake();
        }
        let (inbound, ticket) = (&mut self.inbound, &self.ticket);
        self.outbound.saw(passed, &self.traffic, |told| match told {
            Told::Ack(id) => inbound.acknowledged(id),
            Told::Connected => inbound.connected(),
            Told::Sid(sid) => ticket.identify(sid),
        });
        self.tell_quiet();
        Poll::Ready(Ok(length))
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.queue.is_empty() {
            // The rest goes out on drop.
            return Poll::Ready(Ok(()));
        }
        Pin::new(self.io.as_mut().expect("taken on drop only")).poll_shutdown(cx)
    }

    /// Puts a message where it goes out with the next [`Core::flush`], past the engine, which was given so many events. False where something
    /// for the client is still on its way through the engine, or waits for the client: then the message has to go that way too.
    pub(super) fn send(&mut self, message: &Message, given: u32) -> bool {
        let is_next = self.is_followed
            && self.state == State::Open
            && (self.queue.is_empty() || (self.is_to_be_flushed && !self.is_full()))
            && self.outbound.has_written(given)
            && self.inbound.has_answers();
        if !is_next {
            return false;
        }
        self.queue.append(message.frame());
        self.is_to_be_flushed = true;
        self.traffic.sent_at_once(message.length());
        true
    }

    /// Sends what the client takes at once of what waits.
    pub(super) fn flush(&mut self) {
        if !std::mem::take(&mut self.is_to_be_flushed) {
            return;
        }
        self.queue.flush(self.io.as_ref());
        if self.queue.is_empty() {
            self.wake_writer();
        } else {
            self.line.wake();
        }
    }
}

#[cfg(test)]
impl Core {
    /// Whether nothing waits for the client.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.ticket.because(self.line.cause().unwrap_or_else(|| self.inbound.cause()));
        let Some(io) = self.io.take() else { return };
        // Closing with unread bytes would reset the connection and with it the close frame on its way.
        if !self.inbound.is_broken() && tokio::runtime::Handle::try_current().is_ok() {
            let queue = std::mem::take(&mut self.queue);
            self.ticket.goodbyes().spawn(time::timeout(GOODBYE, queue.linger(io)));
        }
    }
}
