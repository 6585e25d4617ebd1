//! What several servers share through Redis: a stream of everything that is published, channels for what is worth nothing later, and
//! the sessions of clients that are away. The format is that of the npm package `@socket.io/redis-streams-adapter`, so that its servers
//! and ours are one service.
//!
//! `codec` is pure: messages from and to fields of stream entries and payloads of channels. `driver` keeps the connections: its reader
//! goes on where it was after every reconnect, its writer says at once when Redis does not take something.

mod address;
pub mod codec;
mod driver;
mod id;
mod link;
mod once;
mod problem;
mod queue;
mod reader;
mod source;
mod writer;

pub use driver::{Backplane, Config, Receive, State};
pub use id::{Id, NoId};
pub use once::{Appended, OnceDone};
pub use problem::{Problem, Reason};
pub use queue::{Consume, Held, Item, Queue, QueueConfig, QueueState, Verdict};
pub use source::Source;
pub use writer::Done;
