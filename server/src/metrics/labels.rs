//! Labels. Each has few values, all known here: whoever connects cannot make series.

use http::Request;
use prometheus_client::encoding::EncodeLabelSet;

/// A transport.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Transport {
    /// `websocket` or `polling`.
    pub transport: &'static str,
}

/// A kind of session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Kind {
    /// `websocket` or `polling`.
    pub transport: &'static str,
    /// Version of Engine.IO, 3 or 4.
    pub eio: u8,
}

/// A handshake.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Handshake {
    /// `accepted` or `refused`.
    pub verdict: &'static str,
    /// Why it was refused, as in [`crate::refusal::Refusal::word`]; empty where it was not.
    pub reason: &'static str,
    /// `websocket`, `polling`, or empty for anything else.
    pub transport: &'static str,
    /// Version of Engine.IO: `3`, `4`, or empty for anything else.
    pub eio: &'static str,
}

/// What a request that opens a session asks for, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    transport: &'static str,
    eio: &'static str,
}

impl Opening {
    /// None for requests of a session.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Option<Self> {
        let query = request.uri().query().unwrap_or_default();
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        if value("sid").is_some() {
            return None;
        }
        let known = |name, words: [&'static str; 2]| words.into_iter().find(|word| value(name) == Some(word));
        Some(Self {
            transport: known("transport", ["websocket", "polling"]).unwrap_or_default(),
            eio: known("EIO", ["3", "4"]).unwrap_or_default(),
        })
    }

    /// The labels when it is refused.
    #[must_use]
    pub const fn refused(self, reason: &'static str) -> Handshake {
        Handshake { verdict: "refused", reason, transport: self.transport, eio: self.eio }
    }
}

/// The end of a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Closed {
    /// As in [`crate::farewell::Cause`].
    pub cause: &'static str,
    /// `websocket` or `polling`: what it had at its end.
    pub transport: &'static str,
}

/// Messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Direction {
    /// `received` or `sent`.
    pub direction: &'static str,
    /// `websocket` or `polling`.
    pub transport: &'static str,
}

/// A request handed to another replica.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Forward {
    /// `polling` or `upgrade`.
    pub door: &'static str,
    /// `answered`, whatever the answer; `gone`: the replica is no more; `late`: it did not answer in time.
    pub outcome: &'static str,
}

/// Why a handshake was refused for overload.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    /// As in [`crate::overload::Overload`].
    pub reason: &'static str,
}

/// A verdict of the origin policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Verdict {
    /// `polling`, `preflight` or `upgrade`.
    pub door: &'static str,
    /// `allowed`, `denied`, or `reported`: served although denied.
    pub verdict: &'static str,
    /// Why it was denied, as in `DenyReason`; empty where it was not.
    pub reason: &'static str,
}

/// An Engine.IO error code.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Code {
    /// 0 to 5.
    pub code: u8,
}

/// A verdict on a token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Token {
    /// `accepted` or `refused`.
    pub verdict: &'static str,
    /// Why it was refused, as in `auth::refusal::Reason`; empty where it was not.
    pub reason: &'static str,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// `ok` or `failed`.
    pub outcome: &'static str,
}

/// A Socket.IO event of the server's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Event {
    /// Its name.
    pub event: &'static str,
}
