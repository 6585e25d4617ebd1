//! PURE: how a climb went → what the condition says.

use std::{fmt::Write, net::IpAddr, time::Duration};

use realtime_crds::conditions::Reason;
use realtime_doctor::{Exchange, Finding, Report, Rung, Step, Verdict};

use super::{Question, question::Exposed, yaml};

/// Longest message, in bytes: what a server says may be long.
const LONGEST: usize = 2000;

/// What the probe met.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Whether clients get through.
    pub holds: bool,
    /// The rung that decides; none where all is well.
    pub rung: Option<Rung>,
    /// That rung as a condition's reason.
    pub reason: Reason,
    /// The doctor's own reason.
    pub why: realtime_doctor::Reason,
    /// What was asked and answered, what it means and what to change.
    pub message: String,
    /// Whether nothing is left to measure.
    pub is_whole: bool,
    /// What else tells one answer from another.
    mark: String,
}

/// What was found out besides.
#[derive(Clone, Debug, Default)]
pub struct Besides {
    /// The climb by the load balancer's address, after the name led nowhere.
    pub by_address: Option<Report>,
    /// What the name leads to.
    pub leads_to: Vec<IpAddr>,
}

impl Answer {
    /// The answer that a report gives.
    #[must_use]
    pub fn of(question: &Question, report: &Report, besides: &Besides, measures: bool) -> Self {
        match deciding(question, report) {
            None => holds(question, report, measures),
            Some(step) => decided(question, step, besides),
        }
    }

    /// The answer where the climb did not end in time: the rung at which it was.
    #[must_use]
    pub fn late(question: &Question, rung: Rung, limit: Duration) -> Self {
        let message = format!(
            "The rung {rung} was not decided within {limit:?}, as a page on {}: {} answers too slowly. Look at the load of the pods and at what stands before them.",
            question.origin,
            question.host()
        );
        Self {
            holds: false,
            rung: Some(rung),
            reason: reason(rung),
            why: realtime_doctor::Reason::NoAnswer,
            message,
            is_whole: true,
            mark: "late".to_owned(),
        }
    }

    /// Whether there is nothing new in the other one: what differs in words alone, such as a time, is no news.
    #[must_use]
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.holds, it.rung, it.why, it.is_whole);
        of(self) == of(other) && self.mark == other.mark
    }

    /// The doctor's word for it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match (self.holds, self.rung) {
            (true, None) => Verdict::Pass,
            (true, Some(_)) => Verdict::Warn,
            (false, _) => Verdict::Fail,
        }
    }
}

/// The reason of a condition for a rung.
#[must_use]
pub const fn reason(rung: Rung) -> Reason {
    match rung {
        Rung::Dns => Reason::Dns,
        Rung::Tls => Reason::Tls,
        Rung::Path => Reason::Path,
        Rung::Handshake => Reason::Handshake,
        Rung::Preflight => Reason::Preflight,
        Rung::Authorization => Reason::Authorization,
        Rung::Upgrade => Reason::Upgrade,
        Rung::Replicas => Reason::Replicas,
        Rung::Cut => Reason::Cut,
    }
}

/// The step that decides: the first that breaks, else the first that is doubtful.
fn deciding<'a>(question: &Question, report: &'a Report) -> Option<&'a Step> {
    let first = |verdict| {
        report.steps.iter().find(|step| step.finding.verdict == verdict && !is_as_meant(question, &step.finding))
    };
    first(Verdict::Fail).or_else(|| first(Verdict::Warn))
}

/// What the doctor minds on anybody's deployment, and what is as it should be here.
fn is_as_meant(question: &Question, finding: &Finding) -> bool {
    use realtime_doctor::Reason as R;
    match finding.reason {
        // The page's own URL is that of whoever ends TLS.
        R::MixedContent => question.exposure == Exposed::Inside,
        R::ForeignOriginAccepted => !question.enforces,
        // The server moves connections away before anything cuts them.
        R::ClosedByServer => true,
        // The probe has no token; that it is asked for one shows that the way is free.
        R::ValueNeeded | R::Unauthorized | R::UpgradeUnauthorized | R::ConnectRefused => true,
        _ => false,
    }
}

fn holds(question: &Question, report: &Report, measures: bool) -> Answer {
    use realtime_doctor::Reason as R;
    let met = |reason: R| report.steps.iter().find(|step| step.finding.reason == reason);
    let mut message = format!("A page on {} can connect.", question.origin);
    if met(R::UpgradeAccepted).is_some() && question.enforces {
        message += " A foreign origin is refused.";
    }
    if met(R::ForeignOriginAccepted).is_some() {
        message += " So can a page on any other origin, since spec.origins.mode is Report.";
    }
    let token = [R::ValueNeeded, R::Unauthorized, R::UpgradeUnauthorized, R::ConnectRefused].into_iter().find_map(met);
    if let Some(step) = token {
        _ = write!(message, " At the rung {} it is asked for a token, which the probe does not have.", step.rung);
    }
    let hold = question.hold.map(|hold| format!("{hold:?}")).unwrap_or_default();
    if measures {
        _ = write!(message, " Whether anything cuts a WebSocket is seen in {hold}.");
    } else if met(R::Held).is_some() {
        _ = write!(message, " A WebSocket lived for {hold}.");
    } else if met(R::ClosedByServer).is_some() {
        message += " A WebSocket lived until the server moved it.";
    }
    Answer {
        holds: true,
        rung: None,
        reason: Reason::AllHold,
        why: R::AllHold,
        mark: message.clone(),
        message,
        is_whole: !measures,
    }
}

fn decided(question: &Question, step: &Step, besides: &Besides) -> Answer {
    let Step { rung, finding, evidence } = step;
    let word = if finding.verdict == Verdict::Fail { "breaks" } else { "is doubtful" };
    let mut message = format!(
        "The rung {rung} {word} ({}), as a page on {}: {}.",
        finding.reason,
        question.origin,
        ended(&finding.message)
    );
    let telling = evidence.iter().rev().find(|it| !is_good(it)).or(evidence.last());
    if let Some(exchange) = telling {
        _ = write!(message, " Asked: {}.", asked(exchange));
    }
    let mark = telling.and_then(Exchange::answer).map(|answer| answer.status.to_string()).unwrap_or_default();
    let mut mark = format!("{}: {mark}", finding.verdict);
    let elsewhere = leads_elsewhere(question, besides);
    if *rung == Rung::Dns {
        message += &of_name(question, besides.by_address.as_ref());
        let other = besides.by_address.as_ref().and_then(|report| deciding(question, report));
        mark += other.map_or("", |step| step.finding.reason.as_str());
    } else {
        if let Some(where_to) = &elsewhere {
            message += where_to;
            mark += " elsewhere";
        }
        if let Some(cause) = &finding.cause {
            _ = write!(message, " Likely cause: {}.", ended(cause));
        }
        if let Some(change) = &finding.change {
            _ = write!(message, " To do: {}.", to_do(finding.reason, change));
        }
        let lines = finding.yaml.as_deref().and_then(|yaml| set_by(question, yaml));
        match lines {
            Some(lines) if lines.is_empty() => {
                message += " The spec has that already, and what answers does not follow it: is it another server behind that address, or an image of your own that reads no policy?"
            }
            Some(lines) => _ = write!(message, " In YAML: {}", lines.join("; ")),
            None => {}
        }
    }
    message.truncate(message.floor_char_boundary(LONGEST));
    Answer {
        holds: finding.verdict != Verdict::Fail,
        rung: Some(*rung),
        reason: reason(*rung),
        why: finding.reason,
        message,
        is_whole: true,
        mark,
    }
}

/// Without the doctor's own options, which nobody gives to a probe.
fn to_do(reason: realtime_doctor::Reason, change: &str) -> String {
    let clauses: Vec<_> = change.split(';').map(str::trim).filter(|clause| !clause.contains("--")).collect();
    let change = clauses.join("; ");
    if reason == realtime_doctor::Reason::UnknownIssuer {
        return format!("{change}; for an authority of your own, give it to the operator (--probe-ca) and to browsers");
    }
    ended(&change).to_owned()
}

/// What the lines set, for the way on which this service is reached; nothing of it where the spec has it already. None where the
/// spec has no say in it.
fn set_by(question: &Question, yaml: &str) -> Option<Vec<String>> {
    // The host is what it is.
    let fields = yaml::fields(yaml).into_iter().filter(|field| !field.starts_with("spec.host:"));
    let of_this_way = |field: String| match field.starts_with("spec.exposure.") {
        true => question.exposure.certificate().map(str::to_owned),
        false => Some(field),
    };
    let fields: Vec<_> = fields.filter_map(of_this_way).collect();
    let missing = fields.iter().filter(|field| !is_set(question, field)).cloned().collect();
    (!fields.is_empty()).then_some(missing)
}

fn is_set(question: &Question, field: &str) -> bool {
    match field.split_once(": ") {
        Some(("spec.origins.allow", _)) => question.is_allowed,
        // What the probe asks for is what the spec lists.
        Some(("spec.origins.allowedHeaders", _)) => true,
        Some(("spec.origins.mode", "Enforce")) => question.enforces,
        Some(("spec.origins.credentials", "true")) => question.credentials,
        Some(("spec.transports", "[websocket, polling]")) => question.transports == (true, true),
        Some(("spec.transports", "[websocket]")) => question.transports == (true, false),
        _ => false,
    }
}

/// The name leads nowhere; what is behind the address is judged all the same.
fn of_name(question: &Question, by_address: Option<&Report>) -> String {
    let host = question.host();
    let Some(address) = question.address() else {
        return format!(" To do: make a DNS record for {host} that leads to the load balancer.");
    };
    let behind = match by_address.map(|report| deciding(question, report)) {
        None => String::new(),
        Some(None) => " Behind that address all other rungs hold.".to_owned(),
        Some(Some(step)) => format!(
            " Behind that address the rung {} {} ({}): {}.",
            step.rung,
            if step.finding.verdict == Verdict::Fail { "breaks too" } else { "is doubtful" },
            step.finding.reason,
            ended(&step.finding.message)
        ),
    };
    format!(" To do: make a DNS record for {host} that leads to {address}.{behind}")
}

/// The name leads to other addresses than the load balancer's.
fn leads_elsewhere(question: &Question, besides: &Besides) -> Option<String> {
    let own: Vec<IpAddr> = question.addresses.iter().filter_map(|address| address.parse().ok()).collect();
    // A load balancer that has a name changes its addresses.
    let is_known = own.len() == question.addresses.len() && !own.is_empty() && !besides.leads_to.is_empty();
    if !is_known || besides.leads_to.iter().any(|ip| own.contains(ip)) {
        return None;
    }
    let mut there: Vec<_> = besides.leads_to.iter().map(ToString::to_string).collect();
    there.sort();
    there.dedup();
    Some(format!(
        " The DNS record of {} leads to {}, and the load balancer has {}: unless a proxy of yours is there, change the record.",
        question.host(),
        there.join(", "),
        question.addresses.join(", ")
    ))
}

/// The request line without what changes each time, and what came of it.
fn asked(exchange: &Exchange) -> String {
    let target = exchange.request.target.split('?').next().unwrap_or_default();
    let transport = ["websocket", "polling"].iter().find(|word| exchange.request.target.contains(**word));
    let transport = transport.map_or_else(String::new, |word| format!("?transport={word}"));
    let origin = exchange.request.headers.iter().find(|(name, _)| name == "origin");
    let origin = origin.map_or_else(String::new, |(_, origin)| format!(" with Origin: {origin}"));
    let came = match &exchange.outcome {
        realtime_doctor::exchange::Outcome::Answer(answer) => format!("answered {}", answer.status),
        realtime_doctor::exchange::Outcome::Failed(failure) => failure.to_string(),
    };
    format!("{} {target}{transport}{origin}; {came}", exchange.request.method)
}

fn is_good(exchange: &Exchange) -> bool {
    exchange.answer().is_some_and(|answer| answer.status.is_success() || answer.status.as_u16() == 101)
}

/// Without what would stand before a full stop twice.
fn ended(sentence: &str) -> &str {
    sentence.trim_end_matches(['.', ' '])
}

#[cfg(test)]
mod tests;
