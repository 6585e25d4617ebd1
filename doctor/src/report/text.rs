//! The report as text: short where all is well, and with request, answer, cause and change where it is not.

use crate::{Exchange, Report, Step, Verdict};

const INDENT: &str = "                       ";
/// More would bury the rest.
const SHOWN: usize = 2;

pub(super) fn report(report: &Report) -> String {
    let steps: String = report.steps.iter().map(step).collect();
    head(&report.url, &report.origin) + &steps + &last(report)
}

pub(super) fn head(url: &str, origin: &str) -> String {
    format!("{url}, as a page on {origin}\n\n")
}

pub(super) fn last(report: &Report) -> String {
    match report.deciding() {
        None => "\nAll rungs that were tried hold.\n".to_owned(),
        Some(step) => {
            let word = if step.finding.verdict == Verdict::Fail { "breaks" } else { "is doubtful" };
            format!("\nThe rung {} {word} ({}): {}.\n", step.rung, step.finding.reason, step.finding.message)
        }
    }
}

pub(super) fn step(step: &Step) -> String {
    let Step { rung, finding, evidence } = step;
    let word = match finding.verdict {
        Verdict::Pass => "pass",
        Verdict::Warn => "WARN",
        Verdict::Fail => "FAIL",
        Verdict::Skipped => "skip",
    };
    let mut lines = Vec::new();
    let is_bad = matches!(finding.verdict, Verdict::Warn | Verdict::Fail);
    lines.push(if is_bad {
        format!("  {word}  {rung:<13}  {}: {}", finding.reason, finding.message)
    } else {
        format!("  {word}  {rung:<13}  {}", finding.message)
    });
    if is_bad {
        for exchange in shown(evidence) {
            lines.extend(exchange.lines().into_iter().map(|line| format!("{INDENT}{line}")));
            lines.push(String::new());
        }
        for (name, value) in
            [("the browser says", &finding.console), ("likely cause", &finding.cause), ("to change", &finding.change)]
        {
            if let Some(value) = value {
                lines.push(format!("{INDENT}{name}: {value}"));
            }
        }
        if let Some(yaml) = &finding.yaml {
            lines.push(format!("{INDENT}in a RealtimeService:"));
            lines.extend(yaml.lines().map(|line| format!("{INDENT}  {line}")));
        }
    }
    lines.extend(finding.notes.iter().map(|note| format!("{INDENT}note: {note}")));
    if is_bad {
        lines.push(format!("{INDENT}more: {}", rung.page()));
    }
    lines.join("\n") + "\n"
}

/// The last ones decided.
fn shown(evidence: &[Exchange]) -> &[Exchange] {
    &evidence[evidence.len().saturating_sub(SHOWN)..]
}
