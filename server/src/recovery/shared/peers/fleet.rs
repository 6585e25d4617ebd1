//! How many clients each replica has, and who goes.

use tokio::sync::watch;

use super::Peers;

/// All replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Clients of this one, as the others were told.
    pub own: usize,
    /// The others.
    pub others: Vec<Other>,
}

/// Another replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its name.
    pub uid: String,
    /// Its clients.
    pub clients: usize,
    /// Whether it is about to end.
    pub goes: bool,
}

impl Peers {
    /// As far as this replica knows.
    #[must_use]
    pub fn fleet(&self) -> Fleet {
        let inner = self.lock();
        let other =
            |(uid, peer): (&String, &super::Peer)| Other { uid: uid.clone(), clients: peer.clients, goes: peer.goes };
        Fleet { own: inner.clients, others: inner.others.iter().map(other).collect() }
    }

    /// Tells when a replica comes, begins to go, or is gone.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.fleet.subscribe()
    }

    /// This replica is about to end, and moves its clients itself.
    pub fn go(&self) {
        self.lock().goes = true;
        self.say_beat();
    }
}
