//! Reports as text for people and as JSON for scripts.

use anyhow::Result;
use realtime_operator::{
    effects::{Action, Difference, Effect, LiveFacts},
    plan::{Child, yaml},
};
use serde_json::{Value, json};
use similar::TextDiff;

use super::{Failure, Report};
use crate::input;

const CONTEXT_LINES: usize = 3;

pub(super) fn reports(reports: &[Report], as_json: bool) -> Result<()> {
    if as_json {
        println!("{}", object(reports));
        return Ok(());
    }
    for report in reports {
        print!("{}", text(report)?);
    }
    Ok(())
}

pub(super) fn failure(failure: &Failure, as_json: bool) {
    if as_json {
        println!("{}", json!({"verdict": "failed", "reason": failure.reason(), "message": failure.to_string()}));
    }
    eprintln!("{failure}");
}

pub(super) fn invalid(error: &anyhow::Error, as_json: bool) {
    if as_json {
        let problems = error.downcast_ref::<input::Invalid>().map(|invalid| invalid.problems.clone());
        let message = format!("{error:#}");
        println!(
            "{}",
            json!({"verdict": "invalid", "reason": "Invalid", "message": message, "problems": problems.unwrap_or_default()})
        );
    }
}

fn object(reports: &[Report]) -> Value {
    let differs = reports.iter().any(Report::differs);
    let worst = reports.iter().flat_map(|report| &report.effects).min_by_key(|effect| effect.impact());
    let reason = match (differs, worst) {
        (false, _) => "NoDifference",
        (true, Some(effect)) => effect.reason(),
        (true, None) => "Drift",
    };
    let changes: Vec<_> = reports.iter().flat_map(changes).collect();
    let effects: Vec<_> =
        reports.iter().flat_map(|report| report.effects.iter().map(|effect| of(report, effect))).collect();
    let notes: Vec<_> = reports.iter().flat_map(|report| &report.notes).collect();
    json!({
        "verdict": if differs { "different" } else { "same" },
        "reason": reason, "changes": changes, "effects": effects, "notes": notes,
    })
}

fn changes(report: &Report) -> Vec<Value> {
    let of = |kind: &str, name: &str, action: Action| json!({"kind": kind, "namespace": report.namespace, "name": name, "action": action});
    let resource = report.resource.as_ref().map(|change| of("RealtimeService", &report.name, action(change)));
    let children = report.children.iter();
    resource.into_iter().chain(children.map(|child| of(child.kind.as_str(), &child.name, child.action))).collect()
}

fn of(report: &Report, effect: &Effect) -> Value {
    let mut value = serde_json::to_value(effect).expect("an effect is JSON");
    value["service"] = json!(format!("{}/{}", report.namespace, report.name));
    value["impact"] = json!(effect.impact());
    value["message"] = json!(effect.to_string());
    value
}

/// Nobody deletes a resource by applying a file.
fn action((before, _): &(Value, Value)) -> Action {
    if before.is_null() { Action::Created } else { Action::Changed }
}

fn text(report: &Report) -> Result<String> {
    let Report { namespace, name, facts, resource, children, effects, notes } = report;
    if resource.is_none() && children.is_empty() {
        return Ok(format!("RealtimeService {namespace}/{name}: no difference\n"));
    }
    let mut text = String::new();
    if let Some(change) = resource {
        let yaml = |value: &Value| match value {
            Value::Null => Ok(String::new()),
            value => serde_saphyr::to_string(value),
        };
        text += &format!("RealtimeService {namespace}/{name}: {}\n", words(action(change)));
        text += &unified(&yaml(&change.0)?, &yaml(&change.1)?);
    }
    for child in children {
        text += &format!("{} {namespace}/{}: {}\n", child.kind.as_str(), child.name, words(child.action));
        if child.action.writes() {
            text += &unified(&child_yaml(child, &child.before), &child_yaml(child, &child.after));
        }
    }
    if report.differs() {
        text += &format!("What this does to connections of {namespace}/{name}{}:\n", open(facts));
        text += &effects.iter().map(|effect| format!("  - {effect}\n")).collect::<String>();
        if effects.is_empty() {
            text += "  - the spec stays as it is, and the operator brings these objects to it by itself\n";
        }
    }
    text += &notes.iter().map(|note| format!("note: {note}\n")).collect::<String>();
    Ok(text)
}

/// In the words of the file that `render` prints.
fn child_yaml(child: &Difference, view: &Value) -> String {
    match view {
        Value::Null => String::new(),
        view => yaml(&[Child { kind: child.kind, name: child.name.clone(), object: view.clone() }]),
    }
}

fn unified(before: &str, after: &str) -> String {
    TextDiff::from_lines(before, after).unified_diff().context_radius(CONTEXT_LINES).to_string()
}

const fn words(action: Action) -> &'static str {
    match action {
        Action::Created => "created",
        Action::Changed => "changed",
        Action::Deleted => "deleted",
        Action::Kept => "kept until the new way in carries traffic",
        Action::Foreign => "left alone, it belongs to somebody else",
        Action::KindMissing => "not created, this cluster has no such kind",
    }
}

fn open(facts: &LiveFacts) -> String {
    let LiveFacts { connections, pods, pods_differ: _ } = facts;
    let pods = pods.map(|pods| if pods == 1 { "1 pod".to_owned() } else { format!("{pods} pods") });
    let known: Vec<_> = [connections.map(|open| format!("{open} open")), pods].into_iter().flatten().collect();
    if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) }
}
