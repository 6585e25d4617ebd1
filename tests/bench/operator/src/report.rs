//! The figures as people read them.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result};

use crate::{Edits, Figures, edits::share};

const BEGIN: &str = "<!-- scale -->\n";
const END: &str = "<!-- /scale -->";
const KIB: f64 = 1024.0;

/// A line that can be quoted.
#[must_use]
pub fn line(figures: &Figures) -> String {
    let Figures { plan, converge, limit, requests, memory, rest_writes, restart, restart_writes, edits, .. } = figures;
    format!(
        "bench operator: {} services converge in {:.1} s ({:.2} × the bare client), {requests:.2} requests and {:.1} KiB each; an edit takes {} ms p50, {} ms p99; {rest_writes} writes in {} s at rest; a restart takes {:.1} s and {restart_writes} writes",
        plan.services,
        converge.as_secs_f64(),
        ratio(*converge, *limit),
        memory / KIB,
        millis(share(&edits.origin, 0.5)),
        millis(share(&edits.origin, 0.99)),
        plan.rest.as_secs(),
        restart.as_secs_f64(),
    )
}

fn ratio(time: Duration, limit: Duration) -> f64 {
    time.as_secs_f64() / limit.as_secs_f64()
}

fn millis(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1000.0)
}

/// What it is, the figure, the limit, the ratio of the two, what is aimed at.
type Row = (String, String, String, String, String);

/// The table.
#[must_use]
pub fn table(all: &[Figures]) -> String {
    let mut text =
        "| services | what | figure | limit | ratio | aim |\n| ---: | --- | ---: | ---: | ---: | --- |\n".to_owned();
    for figures in all {
        for (what, figure, limit, ratio, aim) in rows(figures) {
            text += &format!("| {} | {what} | {figure} | {limit} | {ratio} | {aim} |\n", figures.plan.services);
        }
    }
    text
}

fn rows(figures: &Figures) -> Vec<Row> {
    let Figures {
        plan,
        converge,
        limit,
        limit_with_status,
        best,
        requests,
        writes,
        cpu,
        idle,
        memory,
        memory_anew,
        rest_writes,
        rest_growth,
        edits: Edits { origin, bare, label },
        restart,
        restart_writes,
    } = figures;
    let seconds = |time: &Duration| format!("{:.1} s", time.as_secs_f64());
    let row = |what: &str, figure: String, limit: &str, ratio: &str, aim: &str| {
        (what.to_owned(), figure, limit.to_owned(), ratio.to_owned(), aim.to_owned())
    };
    let edit = |times: &[Duration]| {
        format!("{} / {} / {} ms", millis(share(times, 0.5)), millis(share(times, 0.99)), millis(share(times, 1.0)))
    };
    let against = |limit: &Duration| format!("{:.2}", ratio(*converge, *limit));
    let reckoned = match plan.services.div_ceil(2) > plan.sample {
        true => format!(", reckoned from {} of them", plan.sample),
        false => String::new(),
    };
    let kib = |bytes: &f64| format!("{:.1} KiB", bytes / KIB);
    vec![
        row(
            &format!(
                "time to converge; limit: the children alone, sent by a bare client with the same rights, {best} at once{reckoned}"
            ),
            seconds(converge),
            &seconds(limit),
            &against(limit),
            "≤ 1.15",
        ),
        row(
            "the same; limit: with one status each",
            seconds(converge),
            &seconds(limit_with_status),
            &against(limit_with_status),
            "",
        ),
        row("requests for each until quiet", format!("{requests:.2}"), "8", &format!("{:.2}", requests / 8.0), "≤ 11"),
        row("those that write", format!("{writes:.2}"), "8", &format!("{:.2}", writes / 8.0), ""),
        row("CPU of the operator for each until quiet", format!("{:.2} ms", cpu.as_secs_f64() * 1000.0), "", "", ""),
        row("resident memory for each, above an idle operator", kib(memory), "", "", "≤ 12 KiB"),
        row("the same after a restart", kib(memory_anew), "", "", ""),
        row("resident memory of an idle operator", format!("{:.1} MiB", idle / KIB / KIB), "", "", ""),
        row(
            "a new origin is in the ConfigMap after p50 / p99 / max; limit: where a bare client changes both",
            edit(origin),
            &edit(bare),
            &format!("{:.2}", ratio(share(origin, 0.99), share(bare, 0.99))),
            "p99 ≤ 30 ms",
        ),
        row("a new pod label is in the Deployment after p50 / p99 / max", edit(label), "", "", ""),
        row(&format!("writes in {} s at rest", plan.rest.as_secs()), rest_writes.to_string(), "0", "", "0"),
        row("growth of memory meanwhile", kib(rest_growth), "0", "", ""),
        row("restart until every service was looked at", seconds(restart), "", "", ""),
        row("writes of a restart", restart_writes.to_string(), "0", "", "0"),
    ]
}

/// Puts the table between the marks of a Markdown file; other sizes that stand there stay.
///
/// # Errors
/// When the file has no marks or cannot be written.
pub fn write(file: &Path, all: &[Figures]) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| format!("failed to read {}", file.display()))?;
    fs::write(file, written(&text, all)?).with_context(|| format!("failed to write {}", file.display()))
}

fn written(text: &str, all: &[Figures]) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("there is no {}", BEGIN.trim()))?;
    let (there, after) = rest.split_once(END).with_context(|| format!("there is no {END}"))?;
    let sizes: Vec<_> = all.iter().map(|figures| format!("| {} |", figures.plan.services)).collect();
    let others = there.lines().skip(2).filter(|line| !sizes.iter().any(|size| line.starts_with(size.as_str())));
    let mut kept: Vec<_> = others.map(|line| format!("{line}\n")).collect();
    let table = table(all);
    let (head, own) = table.split_at(table.match_indices('\n').nth(1).map_or(0, |(at, _)| at + 1));
    kept.push(own.to_owned());
    // By size, the order within one stays.
    kept.sort_by_key(|lines| {
        lines.trim_start_matches("| ").split(' ').next().and_then(|size| size.parse::<usize>().ok())
    });
    Ok(format!("{before}{BEGIN}{head}{}{END}{after}", kept.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Plan;

    fn figures(services: usize, requests: f64) -> Figures {
        let second = Duration::from_secs(1);
        Figures {
            plan: Plan {
                services,
                share: services,
                edits: 1,
                rest: second,
                sample: services,
                at_once: None,
                quiet: second,
            },
            converge: second,
            limit: second,
            limit_with_status: second,
            best: 16,
            requests,
            writes: 8.0,
            cpu: second,
            idle: 1.0,
            memory: 1.0,
            memory_anew: 1.0,
            rest_writes: 0,
            rest_growth: 0.0,
            edits: Edits::default(),
            restart: second,
            restart_writes: 0,
        }
    }

    #[test]
    fn one_size_takes_the_place_of_its_older_self_and_leaves_the_others() {
        let empty = format!("a\n{BEGIN}{END}\nb\n");
        let two = written(&empty, &[figures(5000, 10.0), figures(1000, 10.0)]).expect("marks");
        let again = written(&two, &[figures(1000, 9.0)]).expect("marks");
        assert_eq!(again.matches("| ---: | --- | ---: |").count(), 1, "{again}");
        assert_eq!(again.matches("requests for each").count(), 2, "{again}");
        assert!(again.contains("| 1000 | requests for each until quiet | 9.00 |"), "{again}");
        assert!(again.find("| 1000 |") < again.find("| 5000 |"), "{again}");
        assert!(again.starts_with("a\n") && again.ends_with("b\n"), "{again}");
    }
}
