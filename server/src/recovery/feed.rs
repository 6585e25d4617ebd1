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
/// The library does not say when a buffer has room again.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
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
        while let Next::Read(position) = self.members.next(sid) {
            match self.log().since(position, PAGE).await {
                Ok(page) if page.is_empty() => time::sleep(FIRST_PAUSE).await,
                Ok(page) => {
                    for packet in self.members.choose(sid, &page) {
                        self.numbers.replayed.inc();
                        if !self.send(sid, packet).await {
                            return;
                        }
                    }
                }
                Err(LogError::TooOld(_) | LogError::Unknown(_)) => {
                    self.members.skip(sid);
                    if !self.tell(sid, GAP_EVENT, &otherwise.told()).await {
                        return;
                    }
                    self.numbers.gap(otherwise);
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
        self.send(sid, Packet::event("/", Value::Str(text.into(), None))).await
    }

    /// False where the connection has ended.
    async fn send(&self, sid: Sid, packet: Packet) -> bool {
        let mut pause = FIRST_PAUSE;
        while self.members.with(sid, |_| ()).is_some() {
            match self.members.send(sid, packet.clone()) {
                Outcome::Sent => return true,
                Outcome::Closed => return false,
                Outcome::Full => time::sleep(pause).await,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        false
    }
}
