//! What replicas of ours say among themselves.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::recovery::{offset::Offset, session::Owner};

/// A message; JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Word {
    /// A replica is there, and has said so much of its clients.
    Beat {
        uid: String,
        number: u64,
        /// It is about to end; older versions do not say so.
        #[serde(default)]
        goes: bool,
    },
    /// How many clients a replica has, and how many in these rooms.
    Counts {
        uid: String,
        number: u64,
        clients: usize,
        rooms: HashMap<String, usize>,
        is_all: bool,
        #[serde(default)]
        goes: bool,
    },
    /// Tell me all.
    Ask { uid: String },
    /// A replica goes.
    Bye { uid: String },
    /// A client of mine wants this session, which may be with you.
    Wanted { uid: String, request: u64, pid: String, owner: Owner },
    /// It is in Redis now, or I do not have it.
    Surrendered { uid: String, request: u64, is_stored: bool },
    /// Have you come to this place of the stream? Say so when you have.
    Reached { uid: String, offset: Offset },
    /// I have come to this place.
    There { uid: String, offset: Offset },
}

impl Word {
    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it is all text and numbers")
    }

    /// Who says it.
    pub(super) fn uid(&self) -> &str {
        match self {
            Self::Beat { uid, .. }
            | Self::Counts { uid, .. }
            | Self::Ask { uid }
            | Self::Bye { uid }
            | Self::Wanted { uid, .. }
            | Self::Surrendered { uid, .. }
            | Self::Reached { uid, .. }
            | Self::There { uid, .. } => uid,
        }
    }
}
