//! `docs/kubectl.md` holds what kubectl really shows. `UPDATE_DOCS=1` writes it; otherwise it is compared.

use std::path::Path;

use anyhow::Result;
use realtime_tests::{Cluster, Stage};

use crate::readiness::{address_is_there, pods_are_ready};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/kubectl.md");
const INTRODUCTION: &str = "# What kubectl shows

Captured from a real cluster by a test, which also fails when this page is stale; `UPDATE_DOCS=1 cargo test -p realtime-tests
--test apiserver kubectl_shows` writes it anew. The resource is `examples/chat.yaml` with three replicas.
";

#[tokio::test]
async fn what_kubectl_shows_is_captured() -> Result<()> {
    let stage = Stage::on(Cluster::without_controllers().await?, "shop").await?;
    let _operator = stage.operator().await?;
    let example = include_str!("../../examples/chat.yaml").trim_end();
    stage.apply(&format!("{example}\n  workload: {{replicas: 3}}\n")).await?;
    stage.settled("chat").await?;
    pods_are_ready(&stage, "chat", 3).await?;
    address_is_there(&stage, "chat").await?;
    stage.says("chat", "Ready", "True", "Available").await?;
    stage.quiet().await?;

    let mut page = INTRODUCTION.to_owned();
    for command in ["get rts", "get rts -o wide", "describe rts chat", "explain rts.spec.origins"] {
        let shown = stage.kubectl(&command.split(' ').collect::<Vec<_>>()).await?.good()?;
        page += &format!("\n```console\n$ kubectl {command}\n{}\n```\n", steady(&shown).trim_end());
    }
    compare(FILE, &page)
}

/// Writes the page with `UPDATE_DOCS=1`, and otherwise compares it with what is there.
pub fn compare(file: &str, page: &str) -> Result<()> {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(file, page)?;
        return Ok(());
    }
    let there = if Path::new(file).exists() { std::fs::read_to_string(file)? } else { String::new() };
    assert!(there == page, "{file} is stale; run this test with UPDATE_DOCS=1. It should be:\n{page}");
    Ok(())
}

/// Times, ages and ids as they could have been, so that the page changes only with the product.
pub fn steady(shown: &str) -> String {
    let mut lines: Vec<String> = shown.lines().map(|line| of_field(line).unwrap_or_else(|| line.to_owned())).collect();
    let age = lines.first().and_then(|header| header.find("AGE"));
    if let Some(age) = age {
        for line in &mut lines[1..] {
            let old = line[age..].split(' ').next().unwrap_or_default().len();
            let new = format!("{:old$}", "4d");
            line.replace_range(age..age + old.max(new.len()).min(line.len() - age), &new);
        }
    }
    // Events end with: Type Reason Age From Message.
    if let Some(start) = lines.iter().position(|line| line == "Events:") {
        let header = lines.get(start + 1).cloned().unwrap_or_default();
        let width = |from: &str, to: &str| Some(header.find(to)?.saturating_sub(header.find(from)? + 2));
        let kind = width("Type", "Reason").unwrap_or(6);
        let reason = width("Reason", "Age").unwrap_or(7);
        for line in lines.iter_mut().skip(start + 3) {
            let mut words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            if words.len() > 4 {
                words[2] = "4d".to_owned();
                let rest = words[4..].join(" ");
                *line = format!("  {:kind$}  {:reason$}  4d    {}  {rest}", words[0], words[1], words[3]);
            }
        }
    }
    lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

fn of_field(line: &str) -> Option<String> {
    let (field, value) = line.split_once(':')?;
    let steady = match field.trim() {
        "UID" => "5f0c7d2e-8a41-4b6f-9d3e-2c1b7a9e4f60",
        "Resource Version" => "48151",
        "Creation Timestamp" | "Last Transition Time" => "2026-09-01T08:00:00Z",
        _ => return None,
    };
    let padding = value.len() - value.trim_start().len();
    Some(format!("{field}:{}{steady}", &value[..padding]))
}
