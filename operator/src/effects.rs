//! PURE: what a change of a service does to the connections that are open, and to the objects in the cluster.
//!
//! `kubectl-realtime diff` shows it before anything is applied. What rolls the pods is not listed here: the plan is made
//! twice, and the fields that make the two pod templates differ are the cause. So a field that is added to the resource is
//! never forgotten.

mod access;
mod compare;
mod estimate;
mod fields;
mod pods;
mod reach;
mod running;
#[cfg(test)]
mod tests;
mod view;
mod words;

pub use compare::{Action, Difference, Lookup, There, differences, lookups, server_image};
pub use estimate::{Rollout, START_SEC};
pub use running::running;

use realtime_crds::{ValidService, v1alpha1::PolicySource};
use serde::Serialize;

use fields::Changes;

/// What is open and what runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveFacts {
    /// Open connections; `None` where nobody knows.
    pub connections: Option<i64>,
    /// Pods; `None` where nobody knows.
    pub pods: Option<i32>,
    /// Whether the pods in the cluster are other ones than the service asks for, whatever its spec.
    pub pods_differ: bool,
}

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

/// An effect with the fields that it explains.
struct Found {
    effect: Effect,
    fields: Vec<String>,
}

impl Found {
    fn new(effect: Effect, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { effect, fields: fields.into_iter().map(Into::into).collect() }
    }

    fn explains(&self, field: &str) -> bool {
        self.fields.iter().any(|known| {
            field.strip_prefix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

/// What becomes of open connections when `old`, which runs, becomes `new`: the worst first, and every field that changes is
/// in one of them.
#[must_use]
pub fn effects(old: Option<&ValidService>, new: &ValidService, live: &LiveFacts) -> Vec<Effect> {
    let Some(old) = old else {
        return vec![if new.spec().paused { Effect::Paused } else { Effect::New }];
    };
    let changes = Changes::between(old, new);
    let mut found = access::effects(&changes, live);
    if new.spec().paused {
        // Servers that watch their resource do not ask whether it is paused.
        found.retain(|_| old.spec().policy_source == PolicySource::Watch);
        if !changes.fields().is_empty() {
            found.push(Found::new(Effect::Paused, ["spec"]));
        }
    } else {
        found.extend(reach::effects(&changes, live));
        found.extend(pods::effects(&changes, live));
    }
    let rest = |field: &&String| !found.iter().any(|found| found.explains(field));
    let rest: Vec<_> = changes.fields().iter().filter(rest).cloned().collect();
    let (told, spared) = rest.into_iter().partition::<Vec<_>, _>(|field| changes.reaches_load_balancer(field));
    let mut effects: Vec<_> = found.into_iter().map(|found| found.effect).collect();
    effects.extend((!told.is_empty()).then_some(Effect::LoadBalancer { because: told }));
    effects.extend((!spared.is_empty()).then_some(Effect::Unconcerned { because: spared }));
    effects.sort_by_key(Effect::impact);
    effects
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
