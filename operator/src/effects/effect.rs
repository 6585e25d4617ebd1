//! Everything that a change can do to open connections.

use serde::Serialize;

use super::Rollout;

/// What becomes of open connections, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Impact {
    /// Some are closed at once, or cut without a goodbye.
    Closes,
    /// They stay, and some clients cannot come back.
    Refuses,
    /// They are told to connect anew, a few at a time.
    Moves,
    /// They stay.
    Spares,
}

/// One thing that a change does. Closed; in JSON its name is `reason`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all_fields = "camelCase")]
pub enum Effect {
    /// Nobody outside reaches the service any more.
    NoWayIn {
        /// The way in that goes.
        from: String,
        /// Open connections.
        connections: Option<i64>,
    },
    /// No pod is left.
    NoPods {
        /// How many there were.
        from: i32,
        /// Until the last connection is closed.
        seconds: u64,
        /// Open connections.
        connections: Option<i64>,
    },
    /// Another controller takes over the same route object.
    WayInReplaced {
        /// The way in that goes.
        from: String,
        /// The one that comes.
        to: String,
    },
    /// Another route; the old one stays until the new one carries traffic.
    WayInMoves {
        /// The way in that goes.
        from: String,
        /// The one that comes.
        to: String,
    },
    /// Another static address.
    AddressChanges {
        /// Name of the old one.
        from: Option<String>,
        /// Name of the new one.
        to: Option<String>,
    },
    /// Anonymous connections are closed.
    TokensRequired {
        /// How soon.
        within: &'static str,
    },
    /// Connections whose token does not fit any more are closed.
    TokensJudgedAnew {
        /// The fields that do it.
        because: Vec<String>,
        /// How soon.
        within: &'static str,
    },
    /// Connections of origins that are no longer allowed are closed.
    OriginsWithdrawn {
        /// Entries that no other entry stands for.
        origins: Vec<String>,
        /// Whether origins were served until now that no entry ever allowed.
        unlisted: bool,
        /// Whether requests without an origin are no longer served.
        missing: bool,
        /// Whether nothing but the policy changes.
        only: bool,
        /// How soon.
        within: &'static str,
        /// Open connections, of whatever origin.
        connections: Option<i64>,
    },
    /// The load balancer cuts earlier than old pods move.
    ShorterTimeout {
        /// Seconds before.
        from_sec: i64,
        /// Seconds from now on.
        to_sec: i64,
    },
    /// Requests need a session of Identity-Aware Proxy.
    IdentityAwareProxy,
    /// Clients that go on using the old URL are not served.
    OldUrlUnserved {
        /// The URL that goes.
        old: String,
        /// The one that comes.
        new: String,
        /// Whether the path is another, which the pods have to learn.
        path: bool,
    },
    /// The load balancer asks old pods for a path that they may not have.
    HealthPathChanges {
        /// The path before.
        from: String,
        /// The path from now on.
        to: String,
    },
    /// Clients that know no other transport are not served.
    TransportsWithdrawn {
        /// Transports that go.
        transports: Vec<&'static str>,
    },
    /// https works when Google has issued the certificate.
    CertificateAwaited {
        /// Host that it is for.
        host: String,
    },
    /// All pods are replaced, a few at a time.
    Rollout(Rollout),
    /// Pods go.
    ScaleIn {
        /// How many there were.
        from: i32,
        /// How many stay.
        to: i32,
        /// About how many connections move.
        connections: Option<i64>,
        /// Of how many.
        of: Option<i64>,
        /// Until the last one has moved.
        seconds: u64,
    },
    /// Polling clients are spread by another rule.
    AffinityChanges {
        /// The rule before.
        from: String,
        /// The rule from now on.
        to: String,
    },
    /// Pods come.
    ScaleOut {
        /// How many there were.
        from: i32,
        /// How many there will be.
        to: i32,
        /// Whether clients may poll.
        polling: bool,
    },
    /// An image of the user's own deals with the policy as it likes.
    OwnImageDecides {
        /// The fields of the policy.
        because: Vec<String>,
    },
    /// Nothing but the policy changes, and nobody is shut out.
    OriginsOnly {
        /// How soon.
        within: &'static str,
    },
    /// A way in comes.
    WayInOpens {
        /// Which.
        to: String,
    },
    /// Another certificate.
    CertificateChanges {
        /// The fields that do it.
        because: Vec<String>,
    },
    /// The load balancer cuts later.
    LongerTimeout {
        /// Seconds before.
        from_sec: i64,
        /// Seconds from now on.
        to_sec: i64,
    },
    /// The load balancer, or whatever carries the traffic, is told something else.
    LoadBalancer {
        /// The fields that do it.
        because: Vec<String>,
    },
    /// Nothing that concerns open connections.
    Unconcerned {
        /// The fields that change.
        because: Vec<String>,
    },
    /// The operator does nothing.
    Paused,
    /// There was none before.
    New,
}

impl Effect {
    /// What becomes of open connections.
    #[must_use]
    pub const fn impact(&self) -> Impact {
        match self {
            Self::NoWayIn { .. }
            | Self::NoPods { .. }
            | Self::WayInReplaced { .. }
            | Self::WayInMoves { .. }
            | Self::AddressChanges { .. }
            | Self::TokensRequired { .. }
            | Self::TokensJudgedAnew { .. }
            | Self::OriginsWithdrawn { .. }
            | Self::ShorterTimeout { .. } => Impact::Closes,
            Self::IdentityAwareProxy
            | Self::OldUrlUnserved { .. }
            | Self::HealthPathChanges { .. }
            | Self::TransportsWithdrawn { .. }
            | Self::CertificateAwaited { .. } => Impact::Refuses,
            Self::Rollout(_) | Self::ScaleIn { .. } | Self::AffinityChanges { .. } => Impact::Moves,
            Self::ScaleOut { .. }
            | Self::OwnImageDecides { .. }
            | Self::OriginsOnly { .. }
            | Self::WayInOpens { .. }
            | Self::CertificateChanges { .. }
            | Self::LongerTimeout { .. }
            | Self::LoadBalancer { .. }
            | Self::Unconcerned { .. }
            | Self::Paused
            | Self::New => Impact::Spares,
        }
    }

    /// The word for it.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NoWayIn { .. } => "NoWayIn",
            Self::NoPods { .. } => "NoPods",
            Self::WayInReplaced { .. } => "WayInReplaced",
            Self::WayInMoves { .. } => "WayInMoves",
            Self::AddressChanges { .. } => "AddressChanges",
            Self::TokensRequired { .. } => "TokensRequired",
            Self::TokensJudgedAnew { .. } => "TokensJudgedAnew",
            Self::OriginsWithdrawn { .. } => "OriginsWithdrawn",
            Self::ShorterTimeout { .. } => "ShorterTimeout",
            Self::IdentityAwareProxy => "IdentityAwareProxy",
            Self::OldUrlUnserved { .. } => "OldUrlUnserved",
            Self::HealthPathChanges { .. } => "HealthPathChanges",
            Self::TransportsWithdrawn { .. } => "TransportsWithdrawn",
            Self::CertificateAwaited { .. } => "CertificateAwaited",
            Self::Rollout(_) => "Rollout",
            Self::ScaleIn { .. } => "ScaleIn",
            Self::AffinityChanges { .. } => "AffinityChanges",
            Self::ScaleOut { .. } => "ScaleOut",
            Self::OwnImageDecides { .. } => "OwnImageDecides",
            Self::OriginsOnly { .. } => "OriginsOnly",
            Self::WayInOpens { .. } => "WayInOpens",
            Self::CertificateChanges { .. } => "CertificateChanges",
            Self::LongerTimeout { .. } => "LongerTimeout",
            Self::LoadBalancer { .. } => "LoadBalancer",
            Self::Unconcerned { .. } => "Unconcerned",
            Self::Paused => "Paused",
            Self::New => "New",
        }
    }
}
