//! What can be wrong with Redis: a closed set of reasons, the same in status, metrics and errors.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why there is no Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nobody has tried yet.
    Connecting,
    /// There is no URL, or it cannot be read.
    NoUrl,
    /// The URL, or the certificate of its authority, is none.
    BadUrl,
    /// Nobody answers at that address, or the connection broke.
    Unreachable,
    /// It answers too late.
    Timeout,
    /// It does not know the user or the password.
    AuthenticationFailed,
    /// The user may not do what is needed.
    NotPermitted,
    /// It is a replica, or was made one.
    ReadOnly,
    /// It has no memory left.
    OutOfMemory,
    /// It reads its data still.
    Loading,
    /// Sentinels know no master of that name.
    NoMaster,
    /// The cluster has no node for the stream.
    ClusterDown,
    /// More is published than it takes.
    Busy,
    /// Anything else that it says.
    Refused,
}

impl Reason {
    /// The word in status and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "Connecting",
            Self::NoUrl => "NoUrl",
            Self::BadUrl => "BadUrl",
            Self::Unreachable => "Unreachable",
            Self::Timeout => "Timeout",
            Self::AuthenticationFailed => "AuthenticationFailed",
            Self::NotPermitted => "NotPermitted",
            Self::ReadOnly => "ReadOnly",
            Self::OutOfMemory => "OutOfMemory",
            Self::Loading => "Loading",
            Self::NoMaster => "NoMaster",
            Self::ClusterDown => "ClusterDown",
            Self::Busy => "Busy",
            Self::Refused => "Refused",
        }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", reason.as_str())]
pub struct Problem {
    /// One of few.
    pub reason: Reason,
    /// What exactly.
    pub message: String,
    /// Whether Redis may have done it all the same.
    pub is_uncertain: bool,
}

impl Problem {
    /// Redis has not done it.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), is_uncertain: false }
    }

    /// Whether another connection may help.
    pub(crate) const fn is_of_connection(&self) -> bool {
        match self.reason {
            Reason::OutOfMemory | Reason::NotPermitted | Reason::Busy | Reason::Refused => false,
            Reason::Connecting
            | Reason::NoUrl
            | Reason::BadUrl
            | Reason::Unreachable
            | Reason::Timeout
            | Reason::AuthenticationFailed
            | Reason::ReadOnly
            | Reason::Loading
            | Reason::NoMaster
            | Reason::ClusterDown => true,
        }
    }
}

impl From<RedisError> for Problem {
    fn from(error: RedisError) -> Self {
        let code = error.code().unwrap_or_default();
        let reason = match error.kind() {
            _ if error.is_timeout() => Reason::Timeout,
            ErrorKind::AuthenticationFailed => Reason::AuthenticationFailed,
            ErrorKind::InvalidClientConfig => Reason::BadUrl,
            ErrorKind::MasterNameNotFoundBySentinel
            | ErrorKind::NoValidReplicasFoundBySentinel
            | ErrorKind::EmptySentinelList => Reason::NoMaster,
            ErrorKind::ClusterConnectionNotFound => Reason::ClusterDown,
            ErrorKind::Server(ServerErrorKind::ReadOnly) => Reason::ReadOnly,
            ErrorKind::Server(ServerErrorKind::BusyLoading) => Reason::Loading,
            ErrorKind::Server(ServerErrorKind::ClusterDown | ServerErrorKind::MasterDown) => Reason::ClusterDown,
            ErrorKind::Server(ServerErrorKind::NoPerm) => Reason::NotPermitted,
            ErrorKind::Io | ErrorKind::Client => Reason::Unreachable,
            _ if ["WRONGPASS", "NOAUTH"].contains(&code) => Reason::AuthenticationFailed,
            _ if code == "OOM" => Reason::OutOfMemory,
            _ if error.is_io_error() || error.is_connection_dropped() => Reason::Unreachable,
            _ => Reason::Refused,
        };
        let is_uncertain = matches!(reason, Reason::Timeout | Reason::Unreachable);
        Self { reason, message: error.to_string(), is_uncertain }
    }
}
