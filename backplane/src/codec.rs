//! The messages of socket.io-adapter's `ClusterAdapter`, and how `@socket.io/redis-streams-adapter` writes them: as fields of a stream
//! entry (`fields`), or since its version 0.3 as payload of a channel for what is worth nothing later (`channel`).

pub mod channel;
pub mod fields;
mod parts;
pub mod payload;
pub mod session;

pub use payload::Payload;

/// Sender of what the npm emitters publish.
pub const EMITTER: &str = "emitter";

/// A message from one server to others.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The server that sent it.
    pub uid: String,
    /// Its namespace.
    pub nsp: String,
    /// What it says.
    pub body: Body,
}

/// What a message says. The numbers are the format's.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// 1: a server is new; versions before 0.3 send it.
    Hello,
    /// 2: a server is there; versions before 0.3 send it.
    Heartbeat,
    /// 3: an event for clients; with the name of a request, each of them is to acknowledge it.
    Broadcast {
        /// Name and arguments.
        packet: Payload,
        /// Which clients.
        filter: Filter,
        /// Where acknowledgements are wanted.
        request: Option<String>,
    },
    /// 4: clients join rooms.
    Join {
        /// Which clients.
        filter: Filter,
        /// The rooms.
        rooms: Vec<String>,
    },
    /// 5: clients leave rooms.
    Leave {
        /// Which clients.
        filter: Filter,
        /// The rooms.
        rooms: Vec<String>,
    },
    /// 6: clients are disconnected.
    Disconnect {
        /// Which clients.
        filter: Filter,
        /// Their connections too.
        close: bool,
    },
    /// 7: which clients are there?
    FetchSockets {
        /// Which ones are meant.
        filter: Filter,
        /// Name of the request.
        request: String,
    },
    /// 8: these are there.
    Sockets {
        /// Name of the request.
        request: String,
        /// A list of them.
        sockets: Payload,
    },
    /// 9: an event for servers; with the name of a request, each of them is to answer.
    ServerSide {
        /// Name and arguments.
        packet: Payload,
        /// Where answers are wanted.
        request: Option<String>,
    },
    /// 10: the answer.
    ServerSideAnswer {
        /// Name of the request.
        request: String,
        /// One value.
        packet: Payload,
    },
    /// 11: so many clients have the event and are to acknowledge it.
    ClientCount {
        /// Name of the request.
        request: String,
        /// How many.
        count: u32,
    },
    /// 12: a client acknowledges.
    Acknowledged {
        /// Name of the request.
        request: String,
        /// One value.
        packet: Payload,
    },
    /// 13: a server goes; versions before 0.3 send it.
    Goodbye,
}

impl Body {
    const fn kind(&self) -> u8 {
        match self {
            Self::Hello => 1,
            Self::Heartbeat => 2,
            Self::Broadcast { .. } => 3,
            Self::Join { .. } => 4,
            Self::Leave { .. } => 5,
            Self::Disconnect { .. } => 6,
            Self::FetchSockets { .. } => 7,
            Self::Sockets { .. } => 8,
            Self::ServerSide { .. } => 9,
            Self::ServerSideAnswer { .. } => 10,
            Self::ClientCount { .. } => 11,
            Self::Acknowledged { .. } => 12,
            Self::Goodbye => 13,
        }
    }
}

/// Which clients are meant. To the format a client is in a room of its own id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those in one of these rooms; all where there is none.
    pub rooms: Vec<String>,
    /// But not those in these.
    pub except: Vec<String>,
    /// It need not arrive.
    pub is_volatile: bool,
    /// How long to wait for acknowledgements, in milliseconds.
    pub timeout: Option<u64>,
}

/// What is wrong with a message of another server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// There is no message of this number.
    #[error("there is no message of type {0:?}")]
    Kind(String),
    /// Something is missing.
    #[error("{0} is missing, or is something else")]
    Field(&'static str),
    /// It is no JSON.
    #[error("the data is no JSON: {0}")]
    Json(String),
    /// It is neither JSON nor MessagePack.
    #[error("the data is no MessagePack: {0}")]
    MessagePack(String),
}
