//! The figures as people read them: medians of all runs, and the ratio to Node.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{load::Figures, peer::Peer};

const BEGIN: &str = "<!-- server -->\n";
const END: &str = "<!-- /server -->";

struct Row {
    what: &'static str,
    of: fn(&Figures) -> f64,
    digits: usize,
    /// At most so many times Node's, or at least.
    aim: Aim,
}

enum Aim {
    AtMost(f64),
    AtLeast(f64),
}

const SPEED: [Row; 2] = [
    Row { what: "handshakes a second", of: |it| it.connects, digits: 0, aim: Aim::AtLeast(1.0) },
    Row { what: "CPU of a handshake, ms", of: |it| it.connect_cpu, digits: 3, aim: Aim::AtMost(0.25) },
];
const MESSAGES: [Row; 6] = [
    Row { what: "acknowledgements a second", of: |it| it.acks, digits: 0, aim: Aim::AtLeast(1.0) },
    Row { what: "CPU of 1,000 acknowledgements, ms", of: |it| it.ack_cpu * 1000.0, digits: 1, aim: Aim::AtMost(0.5) },
    Row { what: "CPU of 1,000 deliveries, ms", of: |it| it.delivery_cpu, digits: 2, aim: Aim::AtMost(0.75) },
    Row { what: "deliveries a second, at most", of: |it| it.deliveries, digits: 0, aim: Aim::AtLeast(1.0) },
    Row { what: "publish to member, p50 ms", of: |it| it.latency.0, digits: 2, aim: Aim::AtMost(1.0) },
    Row { what: "publish to member, p99 ms", of: |it| it.latency.1, digits: 2, aim: Aim::AtMost(1.0) },
];

/// The table in Markdown, `idle` are the numbers of connections that memory was measured with.
#[must_use]
pub fn table(runs: &[(Peer, Vec<Figures>)], idle: &[usize]) -> String {
    let heads: String = runs.iter().map(|(peer, _)| format!(" {peer} |")).collect();
    let rules = " ---: |".repeat(runs.len());
    let mut text = format!("| median of the runs |{heads} bundled ÷ Node | aim |\n| --- |{rules} ---: | --- |\n");
    let medians = |of: &dyn Fn(&Figures) -> f64| -> Vec<(Peer, f64)> {
        runs.iter().map(|(peer, figures)| (*peer, median(figures.iter().map(of).collect()))).collect()
    };
    let of_rows = |rows: &[Row]| -> String {
        rows.iter().map(|row| line(row.what, &medians(&row.of), row.digits, &row.aim)).collect()
    };
    text += &of_rows(&SPEED);
    for (place, count) in idle.iter().enumerate() {
        let what = format!("memory of an idle WebSocket, of {count}, KiB");
        text += &line(&what, &medians(&|it| it.memory[place] / 1024.0), 1, &Aim::AtMost(0.9));
    }
    text + &of_rows(&MESSAGES)
}

fn line(what: &str, medians: &[(Peer, f64)], digits: usize, aim: &Aim) -> String {
    let of = |peer: Peer| medians.iter().find(|(it, _)| *it == peer).map(|(_, median)| *median);
    let ratio = of(Peer::Bundled).zip(of(Peer::Node)).map(|(bundled, node)| bundled / node);
    let cells: String = medians.iter().map(|(_, median)| format!(" {median:.digits$} |")).collect();
    format!("| {what} |{cells} {} | {} |\n", verdict(ratio, aim), words(aim))
}

fn verdict(ratio: Option<f64>, aim: &Aim) -> String {
    let Some(ratio) = ratio else { return "–".to_owned() };
    let is_met = match aim {
        Aim::AtMost(most) => ratio <= *most,
        Aim::AtLeast(least) => ratio >= *least,
    };
    if is_met { format!("{ratio:.2}") } else { format!("**{ratio:.2}**, short of it") }
}

fn words(aim: &Aim) -> String {
    match aim {
        Aim::AtMost(most) => format!("≤ {most}"),
        Aim::AtLeast(least) => format!("≥ {least}"),
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Puts the table between its marks.
///
/// # Errors
/// When the file is not writable, or has no such marks.
pub fn write(file: &Path, table: &str) -> Result<()> {
    let text = fs::read_to_string(file)?;
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("no {BEGIN:?} in {}", file.display()))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("no {END:?} in {}", file.display()))?;
    Ok(fs::write(file, format!("{before}{BEGIN}{table}{END}{after}"))?)
}
