//! What Socket.IO clients and servers say, and Go's WebSocket libraries.

use super::{Entry, Known};
use crate::Rung;

const DOCTOR: &str = "kubectl realtime doctor URL --origin ORIGIN";

pub(super) const TABLE: &[Entry] = &[
    Entry {
        known: Known::CheckOrigin,
        rung: Some(Rung::Upgrade),
        any: &[&["request origin not allowed"], &["checkorigin"]],
        causes: &[
            "gorilla/websocket lets the server's own origin pass alone, unless CheckOrigin is set; go-socket.io uses it",
        ],
        checks: &["set CheckOrigin of both transports, with a list; returning true for all lets any site in"],
    },
    Entry {
        known: Known::BadHandshake,
        rung: Some(Rung::Upgrade),
        any: &[&["bad handshake"]],
        causes: &["the upgrade was answered with another status than 101"],
        checks: &["print the response beside the error: its status and body say why", DOCTOR],
    },
    Entry {
        known: Known::PingTimeout,
        rung: Some(Rung::Cut),
        any: &[&["ping timeout"], &["keepalive ping timeout"]],
        causes: &[
            "the other side hangs: a blocked event loop, a page in the background (browsers slow its timers), a laptop that slept",
            "the network went away without a word",
            "client and server of different generations: in version 2 the client pings, since 3 the server",
        ],
        checks: &[
            "event loop delay and CPU of the server",
            "pingInterval and pingTimeout: 25 s and 20 s; large messages need more",
        ],
    },
    Entry {
        known: Known::IoServerDisconnect,
        rung: None,
        any: &[&["io server disconnect"], &["server namespace disconnect"]],
        causes: &["the server's code called socket.disconnect(): after this the client does not come back by itself"],
        checks: &[
            "who calls it; if it was a rotation or rollout, close the connection instead, so that clients come back",
        ],
    },
    Entry {
        known: Known::IoClientDisconnect,
        rung: None,
        any: &[&["io client disconnect"], &["client namespace disconnect"]],
        causes: &["the page's own code called socket.disconnect()"],
        checks: &["nothing, if that was meant"],
    },
    Entry {
        known: Known::ServerShuttingDown,
        rung: Some(Rung::Cut),
        any: &[&["server shutting down"]],
        causes: &["a rollout, scale-in or node drain"],
        checks: &["whether clients come back at once, and each after a moment of its own"],
    },
    Entry {
        known: Known::ForcedClose,
        rung: None,
        any: &[&["forced close"], &["forced server close"]],
        causes: &[
            "the client joined no namespace within connectTimeout (45 s): a plain WebSocket client, a scanner, or a middleware that never answers",
        ],
        checks: &["whether io.use calls next() in every case"],
    },
    Entry {
        known: Known::TransportClose,
        rung: Some(Rung::Cut),
        any: &[&["transport close"]],
        causes: &[
            "the load balancer's timeout, a rollout or a crash cut the connection",
            "the server moved it in good order (close code 1000 or 1001 in the details)",
            "the network of the user",
        ],
        checks: &[
            "the close code: details.context.code of the event `disconnect`; 1006 is a cut",
            "kubectl realtime doctor URL --origin ORIGIN --hold 10m",
        ],
    },
    Entry {
        known: Known::TransportError,
        rung: Some(Rung::Cut),
        any: &[&["transport error"]],
        causes: &[
            "the connection broke in the middle: a cut, or a proxy that closed it",
            "by polling: a poll was refused, often by another replica",
        ],
        checks: &["the error's description and context", DOCTOR],
    },
    Entry {
        known: Known::XhrPostError,
        rung: Some(Rung::Replicas),
        any: &[&["xhr post error"]],
        causes: &["a POST was refused: another replica, a preflight, or a body that is too large"],
        checks: &["the status of the POST in the browser's network tab", DOCTOR],
    },
    Entry {
        known: Known::XhrPollError,
        rung: Some(Rung::Handshake),
        any: &[&["xhr poll error"]],
        causes: &[
            "the answer does not allow the page's origin, or the preflight was refused: the console has a CORS line",
            "another replica got the poll (400, Session ID unknown)",
            "the path is wrong (404), or nobody listens",
        ],
        checks: &["the line before it on the console: explain-close takes that too", DOCTOR],
    },
    Entry {
        known: Known::WebsocketError,
        rung: Some(Rung::Upgrade),
        any: &[
            &["websocket error"],
            &["websocket was closed before the connection"],
            &["websocket connection failed"],
            &["can't establish a connection"],
        ],
        causes: &[
            "the upgrade was refused: 403 is the origin check, 400 lost headers or the wrong path",
            "nobody listens, or TLS fails: a browser tells the page nothing of it",
        ],
        checks: &["the line before it on the console: `Unexpected response code`", DOCTOR],
    },
    Entry {
        known: Known::InvalidNamespace,
        rung: None,
        any: &[&["invalid namespace"]],
        causes: &["the URL given to io() has a path, which is the namespace and not the endpoint's path"],
        checks: &["io('https://host', {path: '/oursocketio'}) and not io('https://host/oursocketio')"],
    },
    Entry {
        known: Known::ParseError,
        rung: None,
        any: &[&["parse error"]],
        causes: &[
            "client and server of different generations, or of different parsers (msgpack)",
            "a proxy answers a web page with status 200",
        ],
        checks: &["the versions of client and server", "the body of the answer"],
    },
    Entry {
        known: Known::ConnectTimeout,
        rung: Some(Rung::Path),
        any: &[&["connect_error", "timeout"], &["error: timeout"], &["connect timeout"]],
        causes: &[
            "the server answers nothing within 20 s: the path is handled by nobody, or a middleware never calls next()",
            "the WebSocket opens and no Engine.IO handshake comes: a plain WebSocket server",
        ],
        checks: &[DOCTOR],
    },
];
