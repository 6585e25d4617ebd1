//! Whether one client has to reach one pod again, and how that is done where the client's page is on another site.

use realtime_crds::{ValidService, Way, v1alpha1::Transport};

use super::{ingress, ingress_class, peers};

/// How the load balancer finds the pod of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affinity {
    /// It does not.
    None,
    /// By the client's address.
    ClientIp,
    /// By a cookie that browsers send across sites.
    Cookie,
}

/// Why that was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is one pod.
    OneReplica,
    /// A WebSocket stays where it was opened.
    WebSocketOnly,
    /// Each pod hands on what belongs to another.
    AnyPod,
    /// Polling requests of one session have to reach one pod.
    PollingAcrossReplicas,
    /// The same, and this way in cannot be told.
    NotAvailable,
}

/// A choice with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What was chosen.
    pub affinity: Affinity,
    /// Why.
    pub why: Why,
}

/// Whether requests of one session may reach different pods, and it matters.
pub(crate) fn is_needed(service: &ValidService) -> bool {
    let spec = service.spec();
    spec.transports.contains(&Transport::Polling) && spec.workload.most() > 1 && !peers::are_known(service)
}

/// Chooses by need.
#[must_use]
pub fn choose(service: &ValidService) -> Choice {
    let none = |why| Choice { affinity: Affinity::None, why };
    if !is_needed(service) {
        let spec = service.spec();
        return none(match spec.transports.contains(&Transport::Polling) {
            true if spec.workload.most() > 1 => Why::AnyPod,
            true => Why::OneReplica,
            false => Why::WebSocketOnly,
        });
    }
    let across = |affinity| Choice { affinity, why: Why::PollingAcrossReplicas };
    match service.way() {
        // GENERATED_COOKIE would not do: Google sets it without SameSite=None, so browsers do not send it from another site.
        Way::Gke(_) | Way::GkeGateway(_) | Way::Inside => across(Affinity::ClientIp),
        Way::Ingress(class) => match ingress::settings(service, class).affinity {
            ingress_class::Affinity::ClientAddress => across(Affinity::ClientIp),
            ingress_class::Affinity::CrossSiteCookie => across(Affinity::Cookie),
            ingress_class::Affinity::NotNeeded | ingress_class::Affinity::Unavailable => none(Why::NotAvailable),
        },
        // Session persistence is not in the standard channel of the Gateway API.
        Way::Gateway(_) => none(Why::NotAvailable),
    }
}

impl Affinity {
    /// The word in `status.effective.affinity`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::ClientIp => "ClientIP",
            Self::Cookie => "Cookie",
        }
    }
}

impl Why {
    /// For people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::OneReplica => "There is one pod, so none is needed.",
            Self::WebSocketOnly => "A WebSocket stays on the pod that opened it, so none is needed.",
            Self::AnyPod => "Each pod hands the requests of a session to the pod that has it, so none is needed.",
            Self::PollingAcrossReplicas => {
                "Polling requests of a session have to reach the same pod, and a cookie of the load balancer's would not be sent from another site."
            }
            Self::NotAvailable => {
                "Polling requests of a session have to reach the same pod, and this way in cannot be told so portably: set transports: [websocket], or one replica, or the affinity that the controller has."
            }
        }
    }
}
