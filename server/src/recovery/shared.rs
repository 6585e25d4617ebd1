//! With a backplane the log is a stream that all replicas share: what one of them publishes comes back to each from there, in one order
//! for all. Servers of Node with `@socket.io/redis-streams-adapter` on the same stream are among them.
//!
//! `log` appends and reads, `inbox` takes what comes; `requests` are the questions among servers, Node's and ours; `peers` are the other
//! replicas, with the numbers of their clients.

mod answers;
mod copies;
mod inbox;
mod log;
pub mod numbers;
mod peers;
mod publications;
mod reach;
mod report;
mod requests;
mod words;

use std::{fmt, sync::Arc, time::Duration};

use rand::RngExt;
use realtime_backplane::{Backplane, Config, Source};
use tokio::{sync::mpsc::unbounded_channel, time};

use super::{Limits, log::Log, members::Members};
use crate::connections::Connections;
use copies::Copies;
use inbox::Inbox;
use log::StreamLog;
use numbers::Numbers;
pub use peers::{Fleet, Other, Peers};
pub use reach::{Reach, Took};
pub use report::Report;
pub(crate) use requests::payload;
pub use requests::{Fault, Requests};

/// The only namespace that the server has.
const NAMESPACE: &str = "/";
/// Beginning of the keys of sessions; the package's default.
const SESSIONS: &str = "sio:session:";
/// Bytes of a server's id.
const UID: usize = 8;

/// Where the backplane is, and how much of it this service takes.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where Redis is.
    pub source: Source,
    /// Name of the stream, and beginning of the names of channels.
    pub stream: String,
    /// Entries that are kept, roughly.
    pub max_length: u64,
}

/// What replicas have in common.
#[derive(Clone)]
pub struct Shared {
    /// The other replicas.
    pub peers: Arc<Peers>,
    /// Questions to other servers.
    pub requests: Arc<Requests>,
    /// How far the replicas have come.
    pub reach: Arc<Reach>,
    /// Redis.
    pub backplane: Backplane,
    numbers: Numbers,
    inbox: Arc<Inbox>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("peers", &self.peers).finish_non_exhaustive()
    }
}

/// Names of channels.
#[derive(Clone, Debug)]
struct Channels {
    /// All servers listen.
    public: String,
    /// One server listens: this is how its name begins.
    private: String,
    /// All replicas of ours listen.
    ours: String,
}

impl Channels {
    fn new(prefix: &str) -> Self {
        let public = format!("{prefix}#{NAMESPACE}#");
        Self { private: public.clone(), ours: format!("{public}realtime#"), public }
    }

    fn of(&self, uid: &str) -> String {
        format!("{}{uid}#", self.private)
    }

    fn ours_of(&self, uid: &str) -> String {
        format!("{}{uid}#", self.ours)
    }
}

/// Connects, and gives what the log and the adapter need.
pub(super) fn open(
    place: Place,
    limits: Limits,
    members: &Arc<Members>,
    connections: &Arc<Connections>,
    numbers: Numbers,
) -> (Arc<dyn Log>, Shared) {
    let uid: [u8; UID] = rand::rng().random();
    let uid: Arc<str> = uid.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
    let channels = Channels::new(&place.stream);
    let peers = Arc::new(Peers::new(Arc::clone(&uid), channels.clone()));
    let requests = Arc::new(Requests::new(Arc::clone(&uid), channels.clone()));
    let inbox = Inbox::new(
        Arc::clone(&uid),
        limits,
        (Arc::clone(members), Arc::clone(connections)),
        (Arc::clone(&peers), Arc::clone(&requests)),
        numbers.clone(),
    );
    let config = Config {
        source: place.source,
        stream: place.stream,
        channels: channels.public.clone(),
        sessions: SESSIONS.to_owned(),
        max_length: place.max_length,
        uid: uid.to_string(),
    };
    let subscriptions = vec![channels.public.clone(), channels.of(&uid), channels.ours.clone(), channels.ours_of(&uid)];
    let reach = Arc::new(Reach::new(Arc::clone(&uid), Arc::clone(&peers)));
    reach.attach(&inbox);
    inbox.reach.set(Arc::clone(&reach)).ok();
    tokio::spawn(Arc::clone(&reach).ask());
    let backplane = Backplane::start(config, subscriptions, inbox.clone());
    inbox.attach(&backplane);
    peers.attach(&backplane);
    requests.attach(&backplane);
    tokio::spawn(numbers::follow(backplane.clone(), Arc::clone(&peers), numbers.clone()));
    tokio::spawn(Arc::clone(&peers).beat());
    let copies = Copies::new(Arc::clone(&uid), backplane.clone(), limits.window);
    if !limits.window.is_zero() {
        let (changed, changes) = unbounded_channel();
        members.on_change(changed);
        tokio::spawn(copies.clone().keep(Arc::downgrade(members), changes));
    }
    let log = StreamLog::new(uid, backplane.clone(), Arc::clone(&inbox), Arc::clone(&peers), copies, numbers.clone());
    (Arc::new(log), Shared { peers, requests, reach, backplane, numbers, inbox })
}

impl Shared {
    /// Waits for Redis, for so long at the most.
    pub async fn connected(&self, limit: Duration) {
        let mut state = self.backplane.state();
        time::timeout(limit, state.wait_for(|state| state.problem.is_none())).await.ok();
    }

    /// Whether the stream has had this publication lately.
    #[must_use]
    pub fn knows(&self, publication: &str) -> bool {
        self.inbox.cache().publications.contains(publication)
    }

    /// What `/status` says.
    #[must_use]
    pub fn report(&self) -> Report {
        Report::of(&self.backplane, &self.peers, &self.numbers)
    }
}

/// Longest that another replica may take to hand over a session.
const HANDOVER: Duration = Duration::from_secs(3);
