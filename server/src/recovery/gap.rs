//! What a client is told when it cannot be given all that it missed.

use serde_json::{Value, json};

/// Event that says so.
pub const GAP_EVENT: &str = "realtime:gap";

/// Why a client misses something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gap {
    /// There is no such session, or it is somebody else's.
    UnknownSession,
    /// What it missed is partly gone.
    TooOld,
    /// What it missed is more than one client is sent.
    TooMuch,
    /// Its offset is none of this log.
    BadOffset,
    /// It read so slowly that what it has yet to get is gone.
    TooSlow,
    /// The log does not answer.
    LogUnavailable,
    /// The backplane lost some of what the other replicas published.
    LogLost,
}

impl Gap {
    /// The word in the event and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownSession => "unknown_session",
            Self::TooOld => "too_old",
            Self::TooMuch => "too_much",
            Self::BadOffset => "bad_offset",
            Self::TooSlow => "too_slow",
            Self::LogUnavailable => "log_unavailable",
            Self::LogLost => "log_lost",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::UnknownSession => {
                "this server does not know the session: it was away too long, or the server is another one or was restarted; join rooms again and fetch what may have been missed"
            }
            Self::TooOld => {
                "some of what was published meanwhile is no longer kept; join rooms again and fetch what may have been missed"
            }
            Self::TooMuch => {
                "more was published meanwhile than a client is sent on its return; join rooms again and fetch what may have been missed"
            }
            Self::BadOffset => {
                "the offset of the last received event is none of this server's; join rooms again and fetch what may have been missed"
            }
            Self::TooSlow => {
                "this connection is too slow, and some of what was published is no longer kept; fetch what may have been missed"
            }
            Self::LogLost => {
                "some of what was published through other replicas is lost; fetch what may have been missed"
            }
            Self::LogUnavailable => {
                "what was published meanwhile cannot be read now; join rooms again and fetch what may have been missed"
            }
        }
    }

    /// The event's argument.
    #[must_use]
    pub fn told(self) -> Value {
        json!({"reason": self.as_str(), "message": self.message()})
    }
}
