//! What holds for every session.

use std::{borrow::Cow, time::Duration};

use engineioxide_core::TransportType;

/// What holds for every session.
#[derive(Clone, Debug)]
pub struct EngineIoConfig {
    /// Path of the endpoint.
    pub req_path: Cow<'static, str>,
    /// Time between two pings.
    pub ping_interval: Duration,
    /// How long the answer to a ping may take.
    pub ping_timeout: Duration,
    /// How long a client may take to move from polling to its WebSocket.
    pub upgrade_timeout: Duration,
    /// How many messages may wait for a client.
    pub max_buffer_size: usize,
    /// The longest body of a poll or a post, in bytes.
    pub max_payload: u64,
    /// How many bytes are read from a WebSocket at once, at most.
    pub ws_read_buffer_size: usize,
    /// The longest message by WebSocket, in bytes.
    pub ws_max_message_size: usize,
    /// The longest frame by WebSocket, in bytes.
    pub ws_max_frame_size: usize,
    /// The transports that are served, as bits.
    pub transports: u8,
}

impl Default for EngineIoConfig {
    fn default() -> Self {
        Self {
            req_path: "/engine.io".into(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            max_buffer_size: 128,
            max_payload: 100_000,
            ws_read_buffer_size: 4096,
            ws_max_message_size: 64 << 20,
            ws_max_frame_size: 16 << 20,
            transports: TransportType::Polling as u8 | TransportType::Websocket as u8,
        }
    }
}

impl EngineIoConfig {
    /// Whether this transport is served.
    #[must_use]
    pub const fn allowed_transport(&self, transport: TransportType) -> bool {
        self.transports & transport as u8 != 0
    }
}

/// Makes an [`EngineIoConfig`].
#[derive(Clone, Debug, Default)]
pub struct EngineIoConfigBuilder {
    config: EngineIoConfig,
}

macro_rules! set {
    ($($(#[$doc:meta])* $field:ident: $kind:ty;)*) => {
        $($(#[$doc])*
        #[must_use]
        pub fn $field(mut self, $field: impl Into<$kind>) -> Self {
            self.config.$field = $field.into();
            self
        })*
    };
}

impl EngineIoConfigBuilder {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    set! {
        /// See [`EngineIoConfig::req_path`].
        req_path: Cow<'static, str>;
        /// See [`EngineIoConfig::ping_interval`].
        ping_interval: Duration;
        /// See [`EngineIoConfig::ping_timeout`].
        ping_timeout: Duration;
        /// See [`EngineIoConfig::upgrade_timeout`].
        upgrade_timeout: Duration;
        /// See [`EngineIoConfig::max_buffer_size`].
        max_buffer_size: usize;
        /// See [`EngineIoConfig::max_payload`].
        max_payload: u64;
        /// See [`EngineIoConfig::ws_read_buffer_size`].
        ws_read_buffer_size: usize;
        /// See [`EngineIoConfig::ws_max_message_size`].
        ws_max_message_size: usize;
        /// See [`EngineIoConfig::ws_max_frame_size`].
        ws_max_frame_size: usize;
    }

    /// Serves these transports and no other.
    #[must_use]
    pub fn transports<const N: usize>(mut self, transports: [TransportType; N]) -> Self {
        self.config.transports = transports.iter().fold(0, |all, transport| all | *transport as u8);
        self
    }

    /// The configuration.
    #[must_use]
    pub fn build(self) -> EngineIoConfig {
        self.config
    }
}
