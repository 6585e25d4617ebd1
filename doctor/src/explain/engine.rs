//! Error bodies of Engine.IO.

use super::{Entry, Explanation, Known};
use crate::Rung;

pub(super) fn explain(text: &str) -> Option<Explanation> {
    TABLE.iter().find(|entry| entry.fits(text)).map(|entry| entry.explained(None))
}

const TABLE: &[Entry] = &[
    Entry {
        known: Known::TransportUnknown,
        rung: Some(Rung::Handshake),
        any: &[&["transport unknown"], &["\"code\":0,"], &["\"code\": 0,"]],
        causes: &[
            "the server does not offer this transport (its `transports`)",
            "a plain WebSocket client on a Socket.IO path: its URL has no transport parameter",
        ],
        checks: &["`transports` of client and server", "the query of the request"],
    },
    Entry {
        known: Known::SessionIdUnknown,
        rung: Some(Rung::Replicas),
        any: &[&["session id unknown"], &["unknown sid"], &["invalid sid"], &["\"code\":1,"], &["\"code\": 1,"]],
        causes: &[
            "several replicas without affinity: polling reached another one than the handshake",
            "an affinity cookie that browsers do not send across sites (no SameSite=None; Secure, or no withCredentials)",
            "the server restarted, or the session ended while a poll was on its way: then once, and not in a row",
        ],
        checks: &[
            "kubectl realtime doctor URL --origin ORIGIN: the rung replicas",
            "transports: ['websocket'] needs no affinity",
        ],
    },
    Entry {
        known: Known::BadHandshakeMethod,
        rung: Some(Rung::Preflight),
        any: &[&["bad handshake method"], &["\"code\":2,"], &["\"code\": 2,"]],
        causes: &[
            "Engine.IO got an OPTIONS: CORS is not set up in the server, so that nobody answered the preflight before",
            "a health check or a scanner that POSTs",
        ],
        checks: &["the method in the log"],
    },
    Entry {
        known: Known::BadRequest,
        rung: Some(Rung::Handshake),
        any: &[&["\"code\":3,"], &["\"code\": 3,"], &["bad request", "\"code\""]],
        causes: &[
            "a proxy lost the Upgrade headers of an upgrade",
            "an upgrade for a session that is by WebSocket already, or whose transport is another one",
            "the server's own middleware refused",
        ],
        checks: &["Upgrade and Connection in the proxy", "the query: EIO, transport, sid"],
    },
    Entry {
        known: Known::Forbidden,
        rung: Some(Rung::Handshake),
        any: &[&["\"code\":4,"], &["\"code\": 4,"]],
        causes: &["the server refuses the origin, or its allowRequest refuses for another reason"],
        checks: &[
            "the message beside the code: this project's server says which origin and what is wrong with it",
            "kubectl realtime origins check --file FILE --origin ORIGIN",
        ],
    },
    Entry {
        known: Known::UnsupportedProtocolVersion,
        rung: Some(Rung::Handshake),
        any: &[&["unsupported protocol version"], &["\"code\":5,"], &["\"code\": 5,"]],
        causes: &["a client of version 1 or 2 (EIO=3) on a server of version 3 or 4 without allowEIO3"],
        checks: &["the version of socket.io-client; allowEIO3: true on a Node server"],
    },
];
