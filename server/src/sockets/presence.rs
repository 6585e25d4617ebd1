//! `presence` events. A thousand clients that join a room within a moment are one change of its size, not a million messages.

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use socketioxide::operators::BroadcastOperators;
use tokio::{sync::Notify, time};

use crate::recovery::{SocketIo, adapter::Recording, shared::Peers};

const PAUSE: Duration = Duration::from_millis(50);

type Room = Cow<'static, str>;

/// Tells the members of rooms how many they are.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    io: SocketIo,
    changed: Arc<Changed>,
    peers: Option<Arc<Peers>>,
}

#[derive(Debug, Default)]
struct Changed {
    rooms: Mutex<HashSet<Room>>,
    notify: Notify,
}

impl Presence {
    pub(super) fn start(io: SocketIo, peers: Option<Arc<Peers>>) -> Self {
        let presence = Self { io, changed: Arc::default(), peers };
        if let Some(peers) = &presence.peers {
            let changed = Arc::clone(&presence.changed);
            peers.on_change(move |rooms| changed.add(rooms.into_iter().map(Cow::Owned)));
        }
        tokio::spawn(presence.clone().tell());
        presence
    }

    /// Clients in a room, or all, on all replicas.
    pub(super) fn count(&self, room: Option<&str>) -> usize {
        self.here(room) + self.peers.as_ref().map_or(0, |peers| peers.clients(room))
    }

    /// Those on this one.
    pub(super) fn here(&self, room: Option<&str>) -> usize {
        match room {
            Some(room) => self.io.within(room.to_owned()).sockets().len(),
            None => self.everyone().sockets().len(),
        }
    }

    /// The whole namespace, the sender included. A socket's own operators without a room would be the socket alone.
    pub(super) fn everyone(&self) -> BroadcastOperators<Recording> {
        self.io.broadcast()
    }

    /// Somebody came to these rooms or went.
    pub(super) fn changed(&self, rooms: impl IntoIterator<Item = Room>) {
        self.changed.add(rooms);
    }

    async fn tell(self) {
        loop {
            self.changed.notify.notified().await;
            time::sleep(PAUSE).await;
            let rooms = std::mem::take(&mut *self.changed.rooms.lock().expect("nothing panics under this lock"));
            if let Some(peers) = &self.peers {
                let counts = rooms.iter().map(|room| (room.to_string(), self.here(Some(room))));
                peers.tell(self.here(None), counts.collect::<Vec<_>>());
            }
            for room in rooms {
                if self.here(Some(&room)) > 0 {
                    let message = json!({"room": room, "members": self.count(Some(&room))});
                    // What a slow client misses, the next change tells it; what a client missed while it was away is no longer true.
                    self.io.within(room).volatile().emit("presence", &message).await.ok();
                }
            }
        }
    }
}

impl Changed {
    fn add(&self, rooms: impl IntoIterator<Item = Room>) {
        self.rooms.lock().expect("nothing panics under this lock").extend(rooms);
        self.notify.notify_one();
    }
}
