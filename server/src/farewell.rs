//! Why a session ended, and with which words the server ends one.

/// Why a session ended. Every end has one cause, and it is counted once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The client closed in order.
    Client,
    /// The connection ended without a close, or was reset: 1006 in a browser.
    Abnormal,
    /// No answer to a ping.
    PingTimeout,
    /// What the client sent is no Engine.IO or no Socket.IO.
    ProtocolError,
    /// The connection had come to its age.
    Rotation,
    /// Another replica came, which gets a share.
    Rebalance,
    /// The process ends.
    Drain,
    /// The origin is no longer allowed.
    Policy,
    /// The client hung up while it polled.
    Abandoned,
    /// A message was longer than is allowed.
    MessageTooBig,
    /// The client went on sending more than is allowed.
    MessageRate,
    /// The client does not read what it is sent.
    SlowConsumer,
    /// The upgrade from polling to WebSocket ended half-way.
    UpgradeFailed,
    /// The client has come back over another connection.
    Replaced,
}

impl Cause {
    /// The label of metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Abnormal => "abnormal",
            Self::PingTimeout => "ping_timeout",
            Self::ProtocolError => "protocol_error",
            Self::Rotation => "rotation",
            Self::Rebalance => "rebalance",
            Self::Drain => "drain",
            Self::Policy => "policy",
            Self::Abandoned => "abandoned",
            Self::MessageTooBig => "message_too_big",
            Self::MessageRate => "message_rate",
            Self::SlowConsumer => "slow_consumer",
            Self::UpgradeFailed => "upgrade_failed",
            Self::Replaced => "replaced",
        }
    }
}

/// How the server ends a connection: a WebSocket close code and a reason of at most 123 bytes. Clients come back after every one of
/// them; which other ends they do not come back from is in docs/lifetime.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// What is counted.
    pub cause: Cause,
    /// The close code.
    pub code: u16,
    /// The close reason.
    pub reason: &'static str,
}

impl Farewell {
    /// The policy changed.
    pub const ORIGIN: Self = Self::new(Cause::Policy, 1008, "origin is no longer allowed");
    /// The process ends.
    pub const DRAIN: Self = Self::new(Cause::Drain, 1001, "server is shutting down, connect again");
    /// The connection has come to its age.
    pub const ROTATION: Self = Self::new(Cause::Rotation, 1001, "connection has come to its age, connect again");
    /// Another replica came.
    pub const REBALANCE: Self =
        Self::new(Cause::Rebalance, 1001, "another server has joined and takes its share, connect again");
    /// The client hung up.
    pub const ABANDONED: Self = Self::new(Cause::Abandoned, 1001, "the client hung up");
    /// The upgrade ended half-way.
    pub const UPGRADE: Self = Self::new(Cause::UpgradeFailed, 1001, "the upgrade ended half-way");
    /// A message is too long.
    pub const TOO_BIG: Self = Self::new(Cause::MessageTooBig, 1009, "message is longer than this server takes");
    /// Too many messages for too long.
    pub const RATE: Self = Self::new(Cause::MessageRate, 1008, "more messages a second than this server takes");
    /// The client does not read.
    pub const SLOW: Self = Self::new(Cause::SlowConsumer, 1008, "messages are not read as fast as they come");

    /// The client has come back.
    pub const REPLACED: Self = Self::new(Cause::Replaced, 1001, "the client has connected again");

    const fn new(cause: Cause, code: u16, reason: &'static str) -> Self {
        Self { cause, code, reason }
    }

    /// The close frame.
    #[must_use]
    pub fn frame(self) -> Vec<u8> {
        let length = u8::try_from(2 + self.reason.len()).expect("reasons are short");
        let mut frame = vec![0x88, length];
        frame.extend(self.code.to_be_bytes());
        frame.extend(self.reason.as_bytes());
        frame
    }
}
