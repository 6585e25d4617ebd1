//! The rungs, in the order in which a browser meets them.

use std::fmt;

use serde::Serialize;

/// One step on the way of a page to a server on another site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Rung {
    /// The name has an address.
    Dns,
    /// Somebody listens there, with a certificate that browsers trust.
    Tls,
    /// The path leads to a server.
    Path,
    /// The Engine.IO handshake by polling, readable by the page.
    Handshake,
    /// The OPTIONS request before requests with headers of one's own.
    Preflight,
    /// What that answer says about these headers, and the request that carries them.
    Authorization,
    /// The WebSocket, for the page's origin and for nobody else's.
    Upgrade,
    /// One session over many connections.
    Replicas,
    /// How long a WebSocket lives.
    Cut,
}

impl Rung {
    /// All of them, from below.
    pub const ALL: [Self; 9] = [
        Self::Dns,
        Self::Tls,
        Self::Path,
        Self::Handshake,
        Self::Preflight,
        Self::Authorization,
        Self::Upgrade,
        Self::Replicas,
        Self::Cut,
    ];

    /// The word that scripts rely on.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Path => "path",
            Self::Handshake => "handshake",
            Self::Preflight => "preflight",
            Self::Authorization => "authorization",
            Self::Upgrade => "upgrade",
            Self::Replicas => "replicas",
            Self::Cut => "cut",
        }
    }

    /// What is asked of this rung.
    #[must_use]
    pub const fn question(self) -> &'static str {
        match self {
            Self::Dns => "Has the name an address?",
            Self::Tls => "Does somebody listen there, with a certificate that browsers trust?",
            Self::Path => "Does the path lead to a server?",
            Self::Handshake => "Does it answer the Engine.IO handshake, and may the page read the answer?",
            Self::Preflight => "Is the OPTIONS request answered before authentication and routing?",
            Self::Authorization => "Do the headers of this page pass?",
            Self::Upgrade => "May the page open a WebSocket, and a foreign page not?",
            Self::Replicas => "Does a session survive that each request takes another connection?",
            Self::Cut => "How long does a WebSocket live, and how does it end?",
        }
    }

    /// The page of this rung in the project's documentation.
    #[must_use]
    pub fn page(self) -> String {
        format!("docs/ladder/{}.md", self.as_str())
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
