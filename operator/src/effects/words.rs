//! The effects in words.

use std::fmt;

use super::{Effect, Rollout};

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWayIn { from, connections } => write!(
                f,
                "exposure {from} → none: from outside nobody can connect any more, and {} are cut when the load balancer goes",
                open(*connections)
            ),
            Self::NoPods { from, seconds, connections } => write!(
                f,
                "replicas {from} → 0: all pods go, nobody can connect any more, and {} are closed within {}",
                open(*connections),
                span(*seconds)
            ),
            Self::WayInReplaced { from, to } => write!(
                f,
                "exposure {from} → {to}: the route changes hands at once; connections through the old load balancer are cut when it lets go, \
                 whether or not the new one serves yet"
            ),
            Self::WayInMoves { from, to } => write!(
                f,
                "exposure {from} → {to}: the old way in stays until the new one carries traffic, then it goes and cuts what came in by it; \
                 clients come back by the new one where DNS leads there by then"
            ),
            Self::AddressChanges { from, to } => {
                let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
                write!(
                    f,
                    "staticIpName {} → {}: the load balancer moves to another address; connections through the old one are cut, and clients \
                     come back when DNS names the new one",
                    name(from),
                    name(to)
                )
            }
            Self::TokensRequired { within } => write!(
                f,
                "auth: within {within} anonymous connections are closed (TokenMissing); clients come back with a token"
            ),
            Self::TokensJudgedAnew { because, within } => write!(
                f,
                "{}: within {within} connections are closed whose token does not fit any more; all others stay",
                list(because)
            ),
            Self::OriginsWithdrawn { .. } => self.withdrawn(f),
            Self::ShorterTimeout { from_sec, to_sec } => write!(
                f,
                "maxConnectionAge {} → {}: the load balancer takes the shorter timeout over at once, and may cut connections that are older \
                 before the server has moved them",
                span(from_sec.unsigned_abs()),
                span(to_sec.unsigned_abs())
            ),
            Self::IdentityAwareProxy => f.write_str(
                "iap: requests without a session of Identity-Aware Proxy are refused; open WebSockets stay until they have to reconnect, \
                 polling sessions end",
            ),
            Self::OldUrlUnserved { old, new, path } => {
                let pods = if *path { "; until the rollout is over some pods know the old path only" } else { "" };
                write!(
                    f,
                    "{old} → {new}: clients of the old URL are refused as soon as the load balancer has the change; open WebSockets stay until \
                     they have to reconnect, polling sessions end{pods}"
                )
            }
            Self::HealthPathChanges { from, to } => write!(
                f,
                "healthPath {from} → {to}: the load balancer asks every pod for the new path at once, and gives no new client to old pods that \
                 do not answer it; open connections stay"
            ),
            Self::TransportsWithdrawn { transports } => write!(
                f,
                "transports: clients that can use {} alone are refused by the new pods",
                transports.join(" and ")
            ),
            Self::CertificateAwaited { host } => write!(
                f,
                "managedCertificate: Google issues the certificate of {host} once DNS leads to the load balancer, which can take an hour; \
                 https fails for new clients until then"
            ),
            Self::Rollout(rollout) => rollout.fmt(f),
            Self::ScaleIn { from, to, connections, of, seconds } => {
                let moved = match (connections, of) {
                    (Some(moved), Some(of)) => format!("about {moved} of {of} connections"),
                    (_, _) => "their connections".to_owned(),
                };
                let go = if from - to == 1 { "pod goes" } else { "pods go" };
                write!(f, "replicas {from} → {to}: {} {go}, {moved} move over {}", from - to, span(*seconds))
            }
            Self::AffinityChanges { from, to } => write!(
                f,
                "affinity {from} → {to}: polling clients may reach another pod and begin a new session; WebSockets stay"
            ),
            Self::ScaleOut { from, to, polling } => {
                let polls = if *polling { "; polling clients that land on a new one begin a new session" } else { "" };
                let come = if to - from == 1 { "pod comes" } else { "pods come" };
                write!(f, "replicas {from} → {to}: {} {come}, no connection is closed{polls}", to - from)
            }
            Self::OwnImageDecides { because } => {
                write!(f, "{}: the image is your own, and what it does with open connections is up to it", list(because))
            }
            Self::OriginsOnly { within } => {
                write!(f, "origins only: no connection is closed; the pods have the policy within {within}")
            }
            Self::WayInOpens { to } => write!(f, "exposure none → {to}: a way in comes, no connection is closed by it"),
            Self::CertificateChanges { because } => {
                write!(f, "{}: new connections get the other certificate, open ones stay", list(because))
            }
            Self::LongerTimeout { from_sec, to_sec } => write!(
                f,
                "maxConnectionAge {} → {}: the load balancer's timeout changes, no connection is closed by that",
                span(from_sec.unsigned_abs()),
                span(to_sec.unsigned_abs())
            ),
            Self::LoadBalancer { because } => write!(
                f,
                "{}: the load balancer is told; open connections stay, unless a controller that reloads ends them",
                list(because)
            ),
            Self::Unconcerned { because } => write!(f, "{}: no connection is closed", list(because)),
            Self::Paused => f.write_str("paused: the operator changes nothing until paused is false"),
            Self::New => f.write_str("the service is new: there is no connection to close"),
        }
    }
}

impl Effect {
    fn withdrawn(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::OriginsWithdrawn { origins, unlisted, missing, only, within, connections } = self else {
            return Ok(());
        };
        let listed =
            (!origins.is_empty()).then(|| format!("origins that are no longer allowed: {}", origins.join(", ")));
        let unlisted = unlisted.then(|| "origins that no entry allows, which mode Report let in".to_owned());
        let missing = missing.then(|| "clients that send no Origin".to_owned());
        let whose = [listed, unlisted, missing].into_iter().flatten().collect::<Vec<_>>().join("; and of ");
        match only {
            true => write!(f, "origins only: no connection is closed, except, within {within}, those of {whose}")?,
            false => write!(f, "origins: within {within} connections are closed of {whose}")?,
        }
        match connections {
            Some(open) => write!(f, " (how many of the {open} open ones is not known)"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Rollout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { because, pods, waves, pods_per_wave, min_ready_sec, detach_sec, drain_sec, seconds } = self;
        let why = match because.is_empty() {
            true => "the pods in the cluster are not those that the service asks for".to_owned(),
            false => list(because),
        };
        write!(f, "{why}: a rollout of {}; connections move over about {}", count(*pods, "pod"), span(*seconds))?;
        let times = if *waves == 1 { String::new() } else { format!("{waves} times ") };
        let new = count(i32::try_from(*pods_per_wave).unwrap_or(i32::MAX), "new pod");
        write!(
            f,
            " ({times}{new}, ready for {min_ready_sec} s before as many old ones go, which serve for {detach_sec} s more and drain \
             over {drain_sec} s)"
        )
    }
}

fn count(number: i32, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

fn open(connections: Option<i64>) -> String {
    match connections {
        Some(1) => "the 1 open connection".to_owned(),
        Some(open) => format!("all {open} open connections"),
        None => "all open connections".to_owned(),
    }
}

/// `spec.workload.image` as `workload.image`.
fn list(fields: &[String]) -> String {
    fields.iter().map(|field| field.strip_prefix("spec.").unwrap_or(field)).collect::<Vec<_>>().join(", ")
}

/// As people say it; beyond two minutes no second counts.
fn span(seconds: u64) -> String {
    match seconds {
        0 => "0 s".to_owned(),
        _ if seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
        _ if seconds.is_multiple_of(60) || seconds > 120 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{seconds} s"),
    }
}
