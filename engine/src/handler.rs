//! Who hears of sessions and their messages.

use std::{fmt::Debug, sync::Arc};

use bytes::Bytes;
use engineioxide_core::Str;

use crate::socket::{DisconnectReason, Socket};

/// Hears of sessions and their messages. Nothing in it may wait.
pub trait EngineIoHandler: Debug + Send + Sync + 'static {
    /// What it keeps for each session.
    type Data: Default + Send + Sync + 'static;

    /// A session began.
    fn on_connect(self: Arc<Self>, socket: Arc<Socket<Self::Data>>);

    /// A session ended, and nothing more is sent or heard.
    fn on_disconnect(&self, socket: Arc<Socket<Self::Data>>, reason: DisconnectReason);

    /// A client sent a text.
    fn on_message(self: &Arc<Self>, message: Str, socket: Arc<Socket<Self::Data>>);

    /// A client sent bytes.
    fn on_binary(self: &Arc<Self>, data: Bytes, socket: Arc<Socket<Self::Data>>);
}
