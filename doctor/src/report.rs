//! How the climb went.

mod text;

use serde_json::{Value, json};

use crate::{Exchange, Reason, Rung, Step, Target, Verdict};

/// How the climb went, rung by rung.
#[derive(Clone, Debug)]
pub struct Report {
    /// The URL, as people write it.
    pub url: String,
    /// The page's origin.
    pub origin: String,
    /// One for each rung.
    pub steps: Vec<Step>,
}

impl Report {
    pub(crate) fn new(target: &Target, mut steps: Vec<Step>) -> Self {
        steps.sort_by_key(|step| step.rung);
        Self { url: target.shown(), origin: target.origin.clone(), steps }
    }

    /// The step that decides: the first that breaks, else the first with a warning.
    #[must_use]
    pub fn deciding(&self) -> Option<&Step> {
        let first = |verdict| self.steps.iter().find(|step| step.finding.verdict == verdict);
        first(Verdict::Fail).or_else(|| first(Verdict::Warn))
    }

    /// Pass, warn or fail.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.deciding().map_or(Verdict::Pass, |step| step.finding.verdict)
    }

    /// The rung that decides; None where all is well.
    #[must_use]
    pub fn rung(&self) -> Option<Rung> {
        self.deciding().map(|step| step.rung)
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.deciding().map_or(Reason::AllHold, |step| step.finding.reason)
    }

    /// All requests, in the order in which they were made.
    #[must_use]
    pub fn exchanges(&self) -> Vec<&Exchange> {
        let mut all: Vec<_> = self.steps.iter().flat_map(|step| &step.evidence).collect();
        all.sort_by_key(|exchange| exchange.at);
        all.dedup_by_key(|exchange| exchange.at);
        all
    }

    /// One object for scripts.
    #[must_use]
    pub fn json(&self) -> Value {
        let message = self.deciding().map_or("all rungs that were tried hold", |step| &step.finding.message);
        let steps: Vec<_> = self.steps.iter().map(step).collect();
        json!({"verdict": self.verdict(), "reason": self.reason(), "rung": self.rung(), "message": message, "url": self.url,
            "origin": self.origin, "steps": steps})
    }

    /// What people paste into tickets.
    #[must_use]
    pub fn text(&self) -> String {
        text::report(self)
    }

    /// The last lines of it.
    #[must_use]
    pub fn last(&self) -> String {
        text::last(self)
    }
}

/// The first lines of a report, before the climb.
#[must_use]
pub fn head(target: &Target) -> String {
    text::head(&target.shown(), &target.origin)
}

impl Step {
    /// The lines about one step that people read while the climb goes on; evidence for what does not hold.
    #[must_use]
    pub fn text(&self) -> String {
        text::step(self)
    }
}

fn step(step: &Step) -> Value {
    let mut value = serde_json::to_value(&step.finding).unwrap_or_default();
    value["rung"] = json!(step.rung);
    value["evidence"] = step.evidence.iter().map(evidence).collect();
    value
}

fn evidence(exchange: &Exchange) -> Value {
    let lines = exchange.lines();
    let of = |arrow: &str| {
        lines.iter().filter_map(|line| line.strip_prefix(arrow)).map(str::trim_start).collect::<Vec<_>>().join("\n")
    };
    let milliseconds = u64::try_from(exchange.took.as_millis()).unwrap_or(u64::MAX);
    json!({"url": exchange.request.url, "request": of(">"), "answer": of("<"),
        "status": exchange.answer().map(|answer| answer.status.as_u16()), "milliseconds": milliseconds})
}
