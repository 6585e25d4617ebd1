//! Clients that do not get events as they come: those that are just connected, that came back, or whose buffer was full. Each is given
//! what the log has for it, at its own pace, until it is at the end.

use std::{sync::Arc, time::Duration};

use serde_json::Value as Json;
use socketioxide_core::{
    Value,
    packet::{Packet, Sid},
};
use tokio::{sync::mpsc::UnboundedReceiver, time};

use super::{Recovery, adapter::Outcome, gap::GAP_EVENT, gap::Gap, log::LogError, members::Next};

/// Entries that are looked at under one lock.
pub(super) const PAGE: usize = 512;
/// A buffer has 128 places and does not say how many are taken; pings and acknowledgements need some.
const BURST: usize = 64;
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Event that tells a client of its session.
pub const SESSION_EVENT: &str = "realtime:session";

impl Recovery {
    /// Feeds each of those who cannot keep up.
    pub(super) async fn follow(self: Arc<Self>, mut lagging: UnboundedReceiver<Sid>) {
        while let Some(sid) = lagging.recv().await {
            self.numbers.lagging.inc();
            let recovery = Arc::clone(&self);
            tokio::spawn(async move { recovery.feed(sid, Gap::TooSlow).await });
        }
    }

    /// Feeds one client until it gets what comes.
    pub(super) async fn feed(&self, sid: Sid, otherwise: Gap) {
        let mut pace = Pace { pause: SHORTEST_PAUSE, sent: 0 };
        while let Next::Read { after, end } = self.members.next(sid) {
            match self.log().since(after, PAGE).await {
                Ok(page) if page.is_empty() => self.members.pass(sid, end),
                Ok(page) => {
                    for packet in self.members.choose(sid, &page) {
                        self.numbers.replayed.inc();
                        if !self.send(sid, packet, &mut pace).await {
                            return;
                        }
                    }
                }
                Err(LogError::TooOld(_) | LogError::Unknown(_)) => {
                    self.members.skip(sid);
                    self.numbers.gap(otherwise);
                    if !self.tell(sid, GAP_EVENT, &otherwise.told()).await {
                        return;
                    }
                }
                Err(LogError::Unavailable(error)) => {
                    tracing::warn!(error, "the log of published events does not answer");
                    time::sleep(LONGEST_PAUSE).await;
                }
            }
        }
    }

    /// Sends an event of the server's own to one client.
    pub(super) async fn tell(&self, sid: Sid, event: &str, argument: &Json) -> bool {
        let text = Json::from(vec![Json::from(event), argument.clone()]).to_string();
        let mut pace = Pace { pause: SHORTEST_PAUSE, sent: 0 };
        self.send(sid, Packet::event("/", Value::Str(text.into(), None)), &mut pace).await
    }

    /// False where the connection has ended.
    async fn send(&self, sid: Sid, packet: Packet, pace: &mut Pace) -> bool {
        while self.members.is_connected(sid) {
            match self.members.send(sid, packet.clone()) {
                Outcome::Sent => {
                    pace.sent().await;
                    return true;
                }
                Outcome::Closed => return false,
                Outcome::Full => pace.full().await,
            }
        }
        false
    }
}

/// How fast a client takes what it is sent.
#[derive(Debug)]
struct Pace {
    pause: Duration,
    sent: usize,
}

impl Pace {
    async fn sent(&mut self) {
        self.sent += 1;
        if self.sent.is_multiple_of(BURST) {
            time::sleep(self.pause).await;
            self.pause = (self.pause * 3 / 4).max(SHORTEST_PAUSE);
        }
    }

    async fn full(&mut self) {
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        time::sleep(self.pause).await;
    }
}
