//! A WebSocket that is held open, with its pings answered, until it ends or the time is over.

use std::time::{Duration, Instant};

use tokio::time::{Instant as Deadline, interval_at, timeout_at};

use super::{
    line::Line,
    websocket::{self, Read, Socket},
};
use crate::{
    Exchange,
    engine::{self, Revision},
    judge::cut::{End, Held},
    target::Protocol,
};

/// Where a handshake promises none.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Holds one open; None where it does not open.
pub(super) async fn hold(line: &Line, revision: Revision, limit: Duration) -> (Option<Held>, Exchange) {
    let (mut exchange, socket, _) = websocket::open(line, revision, None, Some(&line.target.origin)).await;
    let Some(mut socket) = socket else { return (None, exchange) };
    let held = watch(line, revision, limit, &mut socket).await;
    exchange.took = held.after;
    exchange.frames = socket.end().await;
    (Some(held), exchange)
}

async fn watch(line: &Line, revision: Revision, limit: Duration, socket: &mut Socket) -> Held {
    let began = Instant::now();
    let over = Deadline::now() + limit;
    let mut last = Instant::now();
    let mut silence = PATIENCE;
    let mut beats = interval_at(Deadline::now() + PATIENCE, PATIENCE);
    let end = loop {
        let patience = Deadline::from_std(last + silence).min(over);
        let read = tokio::select! {
            read = timeout_at(patience, socket.read()) => read,
            // Clients of revision 3 are the ones that ping.
            _ = beats.tick() => {
                last = Instant::now();
                socket.write("2").await;
                continue;
            }
        };
        let before = last;
        match read {
            Err(_) if Deadline::now() >= over => break End::Open,
            Err(_) => break End::NoPing,
            Ok(Read::Close(code, reason)) => {
                last = before;
                break End::Close(code, reason);
            }
            Ok(Read::End(error)) => {
                last = before;
                break End::Abrupt(error);
            }
            Ok(Read::Other) => last = Instant::now(),
            Ok(Read::Text(text)) => {
                last = Instant::now();
                if line.target.protocol == Protocol::WebSocket {
                    continue;
                }
                if let Some(open) = engine::open_packet(text.as_bytes()) {
                    let every = Duration::from_millis(open.ping_interval.max(100));
                    match revision {
                        // The namespace has to be joined, or Node closes the connection after 45 s.
                        Revision::Four => {
                            silence = every + Duration::from_millis(open.ping_timeout);
                            socket.write(&format!("40{}", line.target.auth.as_deref().unwrap_or_default())).await;
                        }
                        Revision::Three => beats = interval_at(Deadline::now() + every, every),
                    }
                } else if text == "2" {
                    socket.write("3").await;
                } else if let Some(words) = text.strip_prefix("44") {
                    break End::Refused(words.to_owned());
                }
            }
        }
    };
    Held { after: began.elapsed(), end, quiet: last.elapsed() }
}
