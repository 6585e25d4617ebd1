//! `explain-close`: from a line in a log to causes and checks.

use std::{collections::BTreeSet, path::Path};

use anyhow::Result;
use realtime_doctor::explain::{Explanation, explain};
use serde_json::{Value, json};

use crate::{input, options::ExplainClose, verdict::Verdict};

const SHOWN: usize = 300;

pub(crate) fn run(options: &ExplainClose) -> Result<Verdict> {
    let given = options.text.join(" ");
    anyhow::ensure!(!given.trim().is_empty(), "there is nothing to explain");
    if given != "-" {
        let found = explain(&given);
        found.iter().for_each(|explanation| print(options, &given, explanation));
        return Ok(if found.is_empty() { unknown(options, &given) } else { Verdict::Good });
    }
    // A log says the same many times.
    let log = String::from_utf8_lossy(&input::bytes(Path::new("-"))?).into_owned();
    let mut told = BTreeSet::new();
    for line in log.lines() {
        for explanation in explain(line) {
            if told.insert((explanation.reason, explanation.code)) {
                print(options, line, &explanation);
            }
        }
    }
    Ok(if told.is_empty() { unknown(options, "no line of the input") } else { Verdict::Good })
}

fn unknown(options: &ExplainClose, text: &str) -> Verdict {
    let message = "not known; codes, statuses and lines of browsers, Socket.IO, ws and gorilla/websocket are";
    if options.json {
        println!(
            "{}",
            json!({"verdict": "unknown", "reason": "Unknown", "rung": null, "text": cut(text), "message": message})
        );
    } else {
        println!("{}: {message}", cut(text));
    }
    Verdict::Warning
}

fn print(options: &ExplainClose, text: &str, explanation: &Explanation) {
    if options.json {
        let mut answer = serde_json::to_value(explanation).unwrap_or(Value::Null);
        answer["verdict"] = "known".into();
        answer["text"] = cut(text).into();
        println!("{answer}");
        return;
    }
    let Explanation { reason, code, rung, meaning, causes, checks } = explanation;
    println!("{}", cut(text));
    let code = code.map_or_else(String::new, |code| format!(" {code}"));
    let rung = rung.map_or_else(String::new, |rung| format!(", rung {rung}"));
    println!("  {reason}{code}{rung}: {meaning}");
    println!("  causes, the likeliest first:");
    causes.iter().for_each(|cause| println!("    - {cause}"));
    println!("  check:");
    checks.iter().for_each(|check| println!("    - {check}"));
}

/// A log may hold what moves a terminal's cursor.
fn cut(text: &str) -> String {
    text.trim().chars().filter(|it| !it.is_control()).take(SHOWN).collect()
}
