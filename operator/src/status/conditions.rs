//! The conditions: one verdict each, and a root that says the worst of them.

use realtime_crds::{
    Problem,
    conditions::{ConditionType, Reason},
};

use super::Outcome;
use crate::{
    autoscale::{Scaling, Why},
    observe::{Certificate, Observed, Pods, Reports, Route},
    plan::Kind,
    probe::Probed,
};

/// What one condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which condition.
    pub condition: ConditionType,
    /// True, False or, in `None`, Unknown.
    pub holds: Option<bool>,
    /// Why.
    pub reason: Reason,
    /// Why, for people, and what to do.
    pub message: String,
}

fn verdict(condition: ConditionType, holds: Option<bool>, reason: Reason, message: impl Into<String>) -> Verdict {
    Verdict { condition, holds, reason, message: message.into() }
}

pub(super) fn verdicts(outcome: &Outcome) -> Vec<Verdict> {
    let mut parts = match outcome {
        Outcome::Invalid(problems) => vec![invalid(problems)],
        Outcome::Taken { holder, place } => vec![taken(holder, place)],
        Outcome::Observed(observed) => of_root(observed),
    };
    let root = root(&parts);
    if let Outcome::Observed(observed) = outcome {
        // Clients can connect without it: it is no part of the root.
        parts.extend(observed.reports.as_ref().and_then(joined));
        parts.extend(observed.scaling.as_ref().and_then(|scaling| scaled(observed, scaling)));
        parts.extend(observed.probed.as_ref().map(reachable));
    }
    parts.extend(progress(&root));
    parts.insert(0, root);
    parts
}

/// What the root is made of.
fn of_root(observed: &Observed) -> Vec<Verdict> {
    let accepted = verdict(ConditionType::Accepted, Some(true), Reason::Accepted, "The spec is valid.");
    let mut parts = vec![accepted, resolved(observed), programmed(observed), available(observed)];
    parts.extend(observed.reports.as_ref().map(synced));
    parts
}

/// Whether the root is True.
pub(super) fn is_ready(observed: &Observed) -> bool {
    root(&of_root(observed)).holds == Some(true)
}

fn invalid(problems: &[Problem]) -> Verdict {
    let message = format!("{}. Nothing was changed; what ran before goes on.", realtime_crds::sentence(problems));
    verdict(ConditionType::Accepted, Some(false), Reason::Invalid, message)
}

fn taken(holder: &str, place: &str) -> Verdict {
    let message = format!(
        "RealtimeService {holder} serves {place} already. Nothing was changed here: give one of the two another host or path, or delete it."
    );
    verdict(ConditionType::Accepted, Some(false), Reason::HostPathConflict, message)
}

fn resolved(observed: &Observed) -> Verdict {
    let Some(kind) = observed.missing_kinds.first() else {
        return verdict(
            ConditionType::ResolvedRefs,
            Some(true),
            Reason::ResolvedRefs,
            "Everything the spec refers to exists.",
        );
    };
    let remedy = match kind {
        Kind::HttpRoute => "install the Gateway API, or set spec.exposure.ingress or spec.exposure.none",
        Kind::GcpBackendPolicy | Kind::HealthCheckPolicy => {
            "outside GKE set spec.exposure.gateway instead of gkeGateway; on GKE switch the Gateway API on"
        }
        _ => "outside GKE set spec.exposure.gateway, spec.exposure.ingress or spec.exposure.none",
    };
    let message = format!(
        "This cluster has no kind {} ({}): {remedy}; the rest is applied.",
        kind.as_str(),
        kind.definition().unwrap_or_default()
    );
    verdict(ConditionType::ResolvedRefs, Some(false), Reason::KindMissing, message)
}

fn programmed(observed: &Observed) -> Verdict {
    let of = |holds, reason, message: String| verdict(ConditionType::Programmed, holds, reason, message);
    if observed.paused {
        return of(None, Reason::Paused, "spec.paused is true: nothing is changed until it is false.".to_owned());
    }
    if !observed.foreign.is_empty() {
        let waiting = match observed.waiting.as_slice() {
            [] => String::new(),
            waiting => format!(" Not applied because of it: {}.", waiting.join(", ")),
        };
        let in_the_way = observed.foreign.join("; ");
        let message = format!("{in_the_way}.{waiting} Delete or rename it, or give this RealtimeService another name.");
        return of(Some(false), Reason::ForeignObject, message);
    }
    if !observed.refused.is_empty() {
        let message = format!("{}. It is tried again now and then.", observed.refused.join("; "));
        return of(Some(false), Reason::Refused, message);
    }
    if !observed.failures.is_empty() {
        return of(None, Reason::ApiError, format!("{}; trying again.", observed.failures.join("; ")));
    }
    if !observed.leaving.is_empty() {
        return of(None, Reason::Pending, format!("Waiting for {} to be gone.", observed.leaving.join(", ")));
    }
    match &observed.route {
        Route::Pending => {
            let message = "The objects are applied; no Gateway has taken the HTTPRoute yet. Do spec.exposure's parentRefs name Gateways whose listeners take this host and routes from this namespace?";
            return of(None, Reason::RoutePending, message.to_owned());
        }
        Route::Refused(why) => {
            return of(Some(false), Reason::RouteRefused, format!("A Gateway refuses the HTTPRoute: {why}"));
        }
        Route::Taken | Route::None => {}
    }
    if observed.needs_address && observed.addresses.is_empty() {
        let message = "The objects are applied; the Ingress has no address yet. Its controller gives it one, on GKE within a few minutes; if it does not, its Events say why: kubectl describe ingress.";
        return of(None, Reason::AddressPending, message.to_owned());
    }
    match &observed.certificate {
        Certificate::Pending(why) => {
            let address = observed.addresses.first().map_or("the load balancer", String::as_str);
            let message = format!(
                "Google has not issued the certificate yet ({why}): does the DNS record of the host lead to {address}? It takes up to an hour from then."
            );
            return of(None, Reason::CertificatePending, message);
        }
        Certificate::Failed(why) => {
            let message = format!(
                "Google cannot issue the certificate ({why}): check the host's DNS and CAA records, then switch spec.exposure.gke.managedCertificate off and on again."
            );
            return of(Some(false), Reason::CertificateFailed, message);
        }
        Certificate::Active | Certificate::None => {}
    }
    let mut message = match observed.missing_kinds.is_empty() {
        true => "All objects are applied.".to_owned(),
        false => "All objects of kinds that this cluster has are applied.".to_owned(),
    };
    if !observed.kept.is_empty() {
        message += &format!(" Still there until the new way in carries traffic: {}.", observed.kept.join(", "));
    }
    for note in &observed.notes {
        message += &format!(" Note: {note}.");
    }
    of(Some(true), Reason::Programmed, message)
}

fn available(observed: &Observed) -> Verdict {
    let of = |holds, reason, message: String| verdict(ConditionType::Available, holds, reason, message);
    let Pods { wanted, by_load, exist, current, available, failing } = &observed.pods;
    if *wanted == 0 {
        let message = match by_load {
            true => ZERO_BY_HAND,
            false => "spec.workload.replicas is 0: nobody can connect. Set it to 1 or more.",
        };
        return of(Some(false), Reason::ScaledToZero, message.to_owned());
    }
    let needs = match observed.needs.join(", ") {
        needs if needs.is_empty() || available == wanted => String::new(),
        needs => format!(" Pods start when this is there: {needs}."),
    };
    if let Some(why) = failing {
        let message = format!(
            "{available} of {wanted} pods are available: {}.{needs} What they wait for: kubectl describe pods -l {}",
            why.trim_end_matches('.'),
            observed.selector
        );
        return of(Some(false), Reason::PodsFailing, message);
    }
    if current < wanted {
        return of(
            None,
            Reason::PodsPending,
            format!("{current} of {wanted} pods run the current template, {available} are available.{needs}"),
        );
    }
    if exist > current {
        return of(
            None,
            Reason::PodsPending,
            format!("{} pods of an older template are still there, {available} are available.", exist - current),
        );
    }
    if available < wanted {
        return of(None, Reason::PodsPending, format!("{available} of {wanted} pods are available.{needs}"));
    }
    of(Some(true), Reason::Available, format!("{available} of {wanted} pods are available."))
}

fn synced(reports: &Reports) -> Verdict {
    let of = |holds, reason, message: String| verdict(ConditionType::OriginPolicySynced, holds, reason, message);
    let Reports { current, behind, silent, problems, connections: _, denied: _, joined: _, apart: _ } = reports;
    let all = current + behind.len() + silent.len();
    if let Some(problem) = problems.first() {
        return of(Some(false), Reason::Invalid, format!("A pod cannot use the policy: {problem}"));
    }
    if let Some((pod, runs)) = behind.first() {
        let runs = runs.map_or_else(|| "none yet".to_owned(), |generation| format!("generation {generation}"));
        return of(
            None,
            Reason::PolicyPending,
            format!("{current} of {all} pods run this origin policy; {pod} runs {runs}."),
        );
    }
    if let Some(pod) = silent.first() {
        let message =
            format!("{current} of {all} pods run this origin policy; {pod} does not answer on its admin port.");
        return of(None, Reason::PodsUnreachable, message);
    }
    of(Some(true), Reason::PolicySynced, format!("{current} of {all} pods run this origin policy."))
}

/// None where no pod has a backplane.
fn joined(reports: &Reports) -> Option<Verdict> {
    let of = |holds, reason, message: String| verdict(ConditionType::BackplaneConnected, holds, reason, message);
    let Reports { joined, apart, .. } = reports;
    let all = joined + apart.len();
    let Some((pod, backplane)) = apart.first() else {
        let message = format!("{joined} of {all} pods reach the backplane.");
        return (all > 0).then(|| of(Some(true), Reason::BackplaneConnected, message));
    };
    let word = backplane.reason.as_deref().unwrap_or("Unreachable");
    let why = backplane.message.as_deref().unwrap_or_default();
    let (reason, remedy) = match word {
        "NoUrl" | "BadUrl" => (
            Reason::BackplaneNotConfigured,
            "Put the URL into the key of the Secret that spec.backplane.redis.urlSecretRef names.",
        ),
        "AuthenticationFailed" => (Reason::BackplaneRefused, "Check user and password of the URL."),
        "NotPermitted" => (Reason::BackplaneRefused, "Give the user the rights that docs/backplane.md lists."),
        "OutOfMemory" => (Reason::BackplaneRefused, "Give Redis more memory, or lower spec.backplane.redis.maxLength."),
        _ => (Reason::BackplaneUnreachable, "Is Redis there, and may the pods reach it?"),
    };
    let message = format!(
        "{joined} of {all} pods reach the backplane; {pod} does not ({word}: {why}). Its clients get what is published at it alone, and their publishers an error. {remedy}"
    );
    Some(of(Some(false), reason, message))
}

const ZERO_BY_HAND: &str = "Somebody scaled the Deployment to 0, which switches autoscaling off: nobody can connect. Scale it to 1 or more: kubectl scale deployment.";

const CONTESTED: &str = "Somebody else sets the number of pods too, and takes back what the operator sets, which it does less and less often therefore. Is there a HorizontalPodAutoscaler or a ScaledObject on the Deployment? Delete it; or remove spec.workload.autoscaling, and let it scale the RealtimeService.";

/// What decides on the number of pods; none while that is still another one.
fn scaled(observed: &Observed, scaling: &Scaling) -> Option<Verdict> {
    let of = |holds, reason, message: &str| Some(verdict(ConditionType::ScalingActive, holds, reason, message));
    let silent = "No pod reports its connections, so the number of pods stays. They are asked for /status on port 8081: is a NetworkPolicy in between, and if the image is your own, does it answer?";
    let unknown = match observed.pods.exist {
        0 => "There is no pod yet that could report its connections.",
        _ => silent,
    };
    match scaling.why {
        Why::NotAlone => None,
        _ if scaling.contested => of(Some(false), Reason::Contested, CONTESTED),
        Why::ScaledToZero => of(Some(false), Reason::ScaledToZero, ZERO_BY_HAND),
        Why::NoReports => of(None, Reason::ConnectionsUnknown, unknown),
        // The limits count all the same.
        _ if !scaling.reported => of(None, Reason::ConnectionsUnknown, unknown),
        Why::AtMaxReplicas => of(
            Some(true),
            Reason::AtMaxReplicas,
            "The open connections ask for more pods than spec.workload.autoscaling.maxReplicas lets come: raise it, or connectionsPerReplica.",
        ),
        Why::Steady
        | Why::MoreConnections
        | Why::FewerConnections
        | Why::Settling
        | Why::BelowMinReplicas
        | Why::AboveMaxReplicas => {
            of(Some(true), Reason::ScalingByConnections, "The open connections decide on the number of pods.")
        }
    }
}

/// Clients that the probe does not see may well connect: it is no part of the root.
fn reachable(probed: &Probed) -> Verdict {
    let of = |holds, reason, message: &str| verdict(ConditionType::Reachable, holds, reason, message);
    match probed {
        Probed::Off => of(
            None,
            Reason::ProbesOff,
            "The operator runs with --probes=false: remove spec.probe, or ask whoever runs it.",
        ),
        Probed::Pending => of(None, Reason::ProbePending, "The operator connects as a page would when Ready is True."),
        Probed::Answer(answer) => of(Some(answer.holds), answer.reason, &answer.message),
    }
}

/// The worst part speaks: what is False before what is Unknown, in the order of the pipeline.
fn root(parts: &[Verdict]) -> Verdict {
    let first = |holds: Option<bool>| parts.iter().find(|part| part.holds == holds);
    match first(Some(false)).or_else(|| first(None)) {
        Some(part) => verdict(ConditionType::Ready, part.holds, part.reason, part.message.clone()),
        None => verdict(ConditionType::Ready, Some(true), Reason::Available, "Clients can connect."),
    }
}

/// kstatus: Reconciling and Stalled exist only while they are true.
fn progress(root: &Verdict) -> Option<Verdict> {
    match root.holds {
        Some(true) => None,
        // Whoever paused it is not waiting.
        None if root.reason == Reason::Paused => None,
        None => Some(verdict(ConditionType::Reconciling, Some(true), root.reason, root.message.clone())),
        Some(false) => Some(verdict(ConditionType::Stalled, Some(true), root.reason, root.message.clone())),
    }
}
