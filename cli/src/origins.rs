//! `origins check`: the decision that the server would take.

use anyhow::{Context, Result};
use origin_policy::{AllowedBy, Decision, OriginPolicy, Received};
use realtime_crds::ValidService;
use serde_json::{Value, json};

use crate::{input, options::Check, verdict::Verdict};

pub(crate) fn check(options: &Check) -> Result<Verdict> {
    let service = match input::service(&options.file, options.name.as_deref()) {
        Ok(service) => service,
        Err(error) => {
            if options.json {
                let problems =
                    error.downcast_ref::<input::Invalid>().map(|invalid| invalid.problems.clone()).unwrap_or_default();
                let message = format!("{error:#}");
                println!(
                    "{}",
                    json!({"verdict": "invalid", "reason": "Invalid", "message": message, "problems": problems})
                );
            }
            return Err(error);
        }
    };
    let service =
        ValidService::new(&service).map_err(|problems| anyhow::anyhow!(realtime_crds::sentence(&problems)))?;
    let policy = service.origins();
    for warning in policy.warnings() {
        eprintln!("warning: {}", realtime_crds::Problem::of_origins(warning));
    }
    let mut worst = Verdict::Good;
    for origin in origins(options)? {
        let (verdict, answer) = decide(policy, &origin);
        worst = worst.max(verdict);
        if options.json { println!("{answer}") } else { println!("{}", sentence(&answer)) }
    }
    Ok(worst)
}

/// As bytes: what strangers send need not be text.
fn origins(options: &Check) -> Result<Vec<Vec<u8>>> {
    let mut origins: Vec<_> = options.origin.iter().map(|origin| origin.clone().into_bytes()).collect();
    if let Some(file) = &options.origin_file {
        anyhow::ensure!(
            file != &options.file || file.as_os_str() != "-",
            "--file and --origin-file cannot both be standard input"
        );
        let bytes = input::bytes(file).context("failed to read --origin-file")?;
        let lines = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).split_inclusive(|byte| *byte == b'\n');
        origins.extend(lines.map(|line| {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            line.strip_suffix(b"\r").unwrap_or(line).to_vec()
        }));
    }
    Ok(origins)
}

fn decide(policy: &OriginPolicy, bytes: &[u8]) -> (Verdict, Value) {
    let received = Received::One(bytes);
    let origin = String::from_utf8_lossy(bytes);
    match policy.decide(received) {
        Decision::Allowed(AllowedBy::Pattern(pattern)) => (
            Verdict::Good,
            json!({"origin": origin, "verdict": "allow", "reason": "AllowedByPattern", "pattern": pattern.as_str()}),
        ),
        Decision::Allowed(AllowedBy::MissingOrigin) => {
            (Verdict::Good, json!({"origin": origin, "verdict": "allow", "reason": "MissingOrigin"}))
        }
        Decision::Denied(reason) => {
            let why = policy.explain(received);
            let answer = json!({"origin": origin, "verdict": "deny", "reason": reason.as_str(), "hint": why.hint.as_str(),
                "nearest": why.nearest, "message": why.message});
            (Verdict::Bad, answer)
        }
    }
}

fn sentence(answer: &Value) -> String {
    let word = |name: &str| answer[name].as_str().unwrap_or_default();
    match answer["pattern"].as_str() {
        Some(pattern) => format!("allow  {}  by {pattern}", word("origin")),
        None => format!("{:<5}  {}  {}: {}", word("verdict"), word("origin"), word("reason"), word("message")),
    }
}
