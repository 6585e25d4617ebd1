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

use crate::recovery::{SocketIo, adapter::Recording};

const PAUSE: Duration = Duration::from_millis(50);

type Room = Cow<'static, str>;

/// Tells the members of rooms how many they are.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    io: SocketIo,
    changed: Arc<Changed>,
}

#[derive(Debug, Default)]
struct Changed {
    rooms: Mutex<HashSet<Room>>,
    notify: Notify,
}

impl Presence {
    pub(super) fn start(io: SocketIo) -> Self {
        let changed = Arc::<Changed>::default();
        tokio::spawn(tell(io.clone(), Arc::clone(&changed)));
        Self { io, changed }
    }

    /// The whole namespace, the sender included. A socket's own operators without a room would be the socket alone.
    pub(super) fn everyone(&self) -> BroadcastOperators<Recording> {
        self.io.broadcast()
    }

    /// Somebody came to these rooms or went.
    pub(super) fn changed(&self, rooms: impl IntoIterator<Item = Room>) {
        self.changed.rooms.lock().expect("nothing panics under this lock").extend(rooms);
        self.changed.notify.notify_one();
    }
}

async fn tell(io: SocketIo, changed: Arc<Changed>) {
    loop {
        changed.notify.notified().await;
        time::sleep(PAUSE).await;
        let rooms = std::mem::take(&mut *changed.rooms.lock().expect("nothing panics under this lock"));
        for room in rooms {
            let members = io.within(room.clone()).sockets().len();
            if members > 0 {
                let message = json!({"room": room, "members": members});
                // What a slow client misses, the next change tells it; what a client missed while it was away is no longer true.
                io.within(room).volatile().emit("presence", &message).await.ok();
            }
        }
    }
}
