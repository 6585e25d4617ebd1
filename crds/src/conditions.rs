//! Condition types and the closed set of reasons. The same words are metric labels and the command line's.

use std::fmt;

/// Types of the conditions of a RealtimeService.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionType {
    /// Root: clients can connect.
    Ready,
    /// The spec is valid.
    Accepted,
    /// What the spec refers to, kinds included, exists.
    ResolvedRefs,
    /// The children are applied and the load balancer has an address.
    Programmed,
    /// Enough pods serve.
    Available,
    /// Every pod runs the origin policy of this generation.
    OriginPolicySynced,
    /// Every pod reaches the backplane.
    BackplaneConnected,
    /// The operator scales by connections.
    ScalingActive,
    /// The operator's own probe connects, as a page on another site would.
    Reachable,
    /// Present and True while the operator or Kubernetes is at work on the spec (kstatus).
    Reconciling,
    /// Present and True while nothing moves until somebody acts (kstatus).
    Stalled,
}

impl ConditionType {
    /// The word in `status.conditions[].type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Accepted => "Accepted",
            Self::ResolvedRefs => "ResolvedRefs",
            Self::Programmed => "Programmed",
            Self::Available => "Available",
            Self::OriginPolicySynced => "OriginPolicySynced",
            Self::BackplaneConnected => "BackplaneConnected",
            Self::ScalingActive => "ScalingActive",
            Self::Reachable => "Reachable",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
        }
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Why a condition has its status. Closed: every reason that the operator can give is here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// All reasons, in the order of the enum.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The word in `status.conditions[].reason`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }
        }
    };
}

reasons! {
    /// The spec is valid.
    Accepted,
    /// The spec has problems; the message lists all of them.
    Invalid,
    /// Another RealtimeService serves this host and path already.
    HostPathConflict,
    /// Everything that the spec refers to exists.
    ResolvedRefs,
    /// The cluster lacks a kind that the exposure needs.
    KindMissing,
    /// All objects are applied and the service has its address.
    Programmed,
    /// The load balancer has no address yet.
    AddressPending,
    /// No Gateway has taken the route yet.
    RoutePending,
    /// A Gateway refuses the route.
    RouteRefused,
    /// Google has not issued the certificate yet.
    CertificatePending,
    /// Google cannot issue the certificate.
    CertificateFailed,
    /// An object of that name belongs to somebody else and was left alone.
    ForeignObject,
    /// The apiserver refuses an object: by validation, admission, quota or missing rights.
    Refused,
    /// A request to the apiserver failed; it is tried again.
    ApiError,
    /// Enough pods serve.
    Available,
    /// Pods are on their way.
    PodsPending,
    /// Pods should be there by now and are not.
    PodsFailing,
    /// The resource asks for no pods.
    ScaledToZero,
    /// Every pod runs the origin policy of this generation.
    PolicySynced,
    /// Some pods run an older origin policy still.
    PolicyPending,
    /// Some pods do not say which origin policy they run.
    PodsUnreachable,
    /// Every pod reaches the backplane.
    BackplaneConnected,
    /// A pod has no URL of the backplane: the Secret or its key is missing, or it is no URL.
    BackplaneNotConfigured,
    /// The backplane does not let a pod in, or not do what it needs.
    BackplaneRefused,
    /// A pod does not reach the backplane.
    BackplaneUnreachable,
    /// The open connections decide on the number of pods.
    ScalingByConnections,
    /// The open connections ask for more pods than there may be.
    AtMaxReplicas,
    /// Somebody else takes back the number of pods that the operator sets.
    Contested,
    /// No pod reports its connections, so the number of pods stays.
    ConnectionsUnknown,
    /// The probe connects: all rungs that it tried hold.
    AllHold,
    /// The probe fails at the rung dns: the host has no address.
    Dns,
    /// The probe fails at the rung tls: nobody listens, or not with a certificate that browsers trust.
    Tls,
    /// The probe fails at the rung path: it does not lead to the server.
    Path,
    /// The probe fails at the rung handshake: Engine.IO does not answer, or the page may not read the answer.
    Handshake,
    /// The probe fails at the rung preflight: OPTIONS is not answered as a page needs it.
    Preflight,
    /// The probe fails at the rung authorization: a header of the page does not pass.
    Authorization,
    /// The probe fails at the rung upgrade: no WebSocket opens, or one for a foreign origin too.
    Upgrade,
    /// The probe fails at the rung replicas: a session is lost from one request to the next.
    Replicas,
    /// The probe fails at the rung cut: something cuts a WebSocket.
    Cut,
    /// The probe has no answer yet.
    ProbePending,
    /// The operator was told not to probe.
    ProbesOff,
    /// `spec.paused` is true.
    Paused,
    /// The operator has not got that far.
    Pending,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
