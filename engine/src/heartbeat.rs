//! The beat of a session. In Engine.IO 4 the server pings and the client answers, in Engine.IO 3 it is the other way round.
//!
//! As in Node.js, the first ping goes out one interval after the session began.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use engineioxide_core::ProtocolVersion;
use futures::FutureExt;
use pin_project_lite::pin_project;
use tokio::time::{self, Instant, Sleep};

use crate::{
    config::EngineIoConfig,
    handler::EngineIoHandler,
    outgoing::Outgoing,
    sessions::Sessions,
    socket::{DisconnectReason, Ends, Socket},
};

pin_project! {
    /// The beat of a WebSocket.
    pub(crate) struct Heartbeat {
        #[pin]
        timer: Sleep,
        protocol: ProtocolVersion,
        interval: Duration,
        timeout: Duration,
        // When the ping went out that has no answer.
        pinged: Option<Instant>,
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Ping,
    /// The client has not been heard of for too long.
    End,
}

impl Heartbeat {
    pub(crate) fn new(protocol: ProtocolVersion, config: &EngineIoConfig) -> Self {
        let (interval, timeout) = (config.ping_interval, config.ping_timeout);
        let first = match protocol {
            ProtocolVersion::V3 => interval + timeout,
            ProtocolVersion::V4 => interval,
        };
        Self { timer: time::sleep(first), protocol, interval, timeout, pinged: None }
    }

    /// The client gave its sign of life.
    pub(crate) fn heard(self: Pin<&mut Self>) {
        let this = self.project();
        match (*this.protocol, this.pinged.take()) {
            (ProtocolVersion::V3, _) => this.timer.reset(Instant::now() + *this.interval + *this.timeout),
            (ProtocolVersion::V4, Some(pinged)) => this.timer.reset(pinged + *this.interval),
            // An answer to nothing.
            (ProtocolVersion::V4, None) => {}
        }
    }

    /// Ready when something is due. After an end this must not be asked again.
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Due> {
        let mut this = self.project();
        ready!(this.timer.as_mut().poll(cx));
        if *this.protocol == ProtocolVersion::V3 || this.pinged.is_some() {
            return Poll::Ready(Due::End);
        }
        let now = Instant::now();
        *this.pinged = Some(now);
        this.timer.reset(now + *this.timeout);
        Poll::Ready(Due::Ping)
    }
}

/// Keeps the beat of a session as long as it polls.
pub(crate) async fn of_polling<H: EngineIoHandler>(sessions: Arc<Sessions<H>>, socket: Arc<Socket<H::Data>>) {
    let config = &sessions.config;
    let polls = || !socket.is_closed() && !socket.is_on_websocket();
    let is_over = socket.until(|| !polls());
    let beat = async {
        loop {
            let limit = match socket.protocol {
                ProtocolVersion::V3 => config.ping_interval + config.ping_timeout,
                ProtocolVersion::V4 => {
                    time::sleep(config.ping_interval).await;
                    if socket.is_upgrading() {
                        // The WebSocket has a beat of its own, and ends the session when it fails.
                        continue;
                    }
                    // An answer that came unasked is none to this ping.
                    socket.heard.notified().now_or_never();
                    socket.outbox.signal(Outgoing::Ping);
                    config.ping_timeout
                }
            };
            match (time::timeout(limit, socket.heard.notified()).await, socket.protocol) {
                (Ok(()), ProtocolVersion::V3) => socket.outbox.signal(Outgoing::Pong),
                (Ok(()), ProtocolVersion::V4) => {}
                (Err(_), _) if socket.is_upgrading() => {}
                (Err(_), _) => return,
            }
        }
    };
    tokio::select! {
        () = is_over => {}
        () = beat => if polls() { sessions.end(socket.id, DisconnectReason::HeartbeatTimeout) },
    }
}
