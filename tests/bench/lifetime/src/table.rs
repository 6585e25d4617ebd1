//! The figures as people read them.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    account::Account,
    scenario::{Scenario, Served},
    usage::Usage,
};

/// What happened once.
pub struct Row {
    pub served: Served,
    pub scenario: Scenario,
    pub clients: usize,
    /// Milliseconds between two messages of a client.
    pub every: u64,
    pub account: Account,
    pub usage: Usage,
}

impl Row {
    /// As a line of the table.
    pub fn line(&self) -> String {
        let Account { lost, duplicated, disordered, heard, recovered, joined, seconds, .. } = &self.account;
        let seconds_away = |part| self.account.away(part) as f64 / 1000.0;
        let codes = self.account.closes.iter().filter(|(code, _)| *code != "1006");
        let mut codes: Vec<_> = codes.map(|(code, count)| format!("{count} × {code}")).collect();
        if self.account.errors > 0 {
            codes.push(format!("{} publications refused", self.account.errors));
        }
        codes.extend(self.account.told.iter().map(|(reason, count)| format!("{count} gaps: {reason}")));
        let usage = self.usage.mean().map_or("–".to_owned(), |(cores, mib)| format!("{cores:.2} / {mib:.0}"));
        format!(
            "| {} | {} | {seconds} | {} | {} | {lost} | {duplicated} | {disordered} | {heard} | {recovered} / {joined} | {:.2} / {:.2} / {:.2} | {:.2} | {:.1} / {:.1} | {usage} |",
            self.scenario,
            self.served,
            self.account.abnormal(),
            if codes.is_empty() { "0".to_owned() } else { codes.join(", ") },
            seconds_away(0.5),
            seconds_away(0.99),
            seconds_away(1.0),
            self.account.herd(),
            self.account.latency(0.5),
            self.account.latency(0.99),
        )
    }
}

/// The table.
pub fn of(rows: &[Row]) -> String {
    let lines: String = rows.iter().map(|row| row.line() + "\n").collect();
    head(rows) + &lines
}

fn head(rows: &[Row]) -> String {
    let (clients, every) = rows.first().map_or((0, 0.0), |row| (row.clients, row.every as f64 / 1000.0));
    format!(
        "{clients} clients (socket.io-client 4, WebSocket, rooms of 10, each publishes every {every} s).\n\n\
         | what happened | served by | s | closes with 1006 | other closes, and gaps that clients were told of | lost | twice | out of order | heard | came back as themselves / as strangers | s away p50 / p99 / max | most returns in a second, × mean | publish to member p50 / p99 ms | a pod: cores / MiB |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
}

/// Puts it between the marks of a file. Lines that are there of other happenings to as many clients stay.
pub fn write(file: &Path, mark: &str, rows: &[Row]) -> Result<()> {
    let text = fs::read_to_string(file)?;
    Ok(fs::write(file, written(&text, mark, rows)?)?)
}

/// What stands before the marks of a text, between and behind them; the marks belong to the outer parts.
pub fn between<'a>(text: &'a str, mark: &str) -> Result<(&'a str, &'a str, &'a str)> {
    let (begin, end) = (format!("<!-- {mark}: begin -->\n"), format!("<!-- {mark}: end -->"));
    let from = text.find(&begin).with_context(|| format!("there is no {}", begin.trim()))? + begin.len();
    let length = text[from..].find(&end).with_context(|| format!("there is no {end}"))?;
    Ok((&text[..from], &text[from..from + length], &text[from + length..]))
}

fn written(text: &str, mark: &str, rows: &[Row]) -> Result<String> {
    let (before, there, after) = between(text, mark)?;
    let head = head(rows);
    let mut lines: Vec<String> = rows.iter().map(Row::line).collect();
    let kept = there.strip_prefix(&head).unwrap_or_default().lines();
    lines.extend(kept.filter(|line| !rows.iter().any(|row| place(line) == place(&row.line()))).map(str::to_owned));
    lines.sort_by_key(|line| place(line));
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    Ok(format!("{before}{head}{lines}{after}"))
}

/// Where a line stands: by what happened, then by who served.
fn place(line: &str) -> (Option<usize>, Option<usize>) {
    let mut cells = line.split('|').map(str::trim).skip(1);
    let (what, by) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
    (
        Scenario::ALL.iter().position(|scenario| scenario.to_string() == what),
        [Served::Bundled, Served::Node].iter().position(|served| served.to_string() == by),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(scenario: Scenario, served: Served, lost: u64) -> Row {
        let usage = Usage::now([].into_iter()).expect("nothing to read");
        Row { served, scenario, clients: 10, every: 1000, account: Account { lost, ..Account::default() }, usage }
    }

    #[test]
    fn a_line_takes_the_place_of_its_older_self_and_leaves_the_others() {
        let empty = "a\n<!-- x: begin -->\n<!-- x: end -->\nb\n";
        let first = [row(Scenario::Kill, Served::Node, 7), row(Scenario::Kill, Served::Bundled, 1)];
        let text = written(empty, "x", &first).expect("marks");
        let text = written(&text, "x", &[row(Scenario::Rollout, Served::Node, 3)]).expect("marks");
        let text = written(&text, "x", &[row(Scenario::Kill, Served::Bundled, 0)]).expect("marks");
        let lines: Vec<_> = text.lines().filter(|line| place(line).0.is_some()).collect();
        let expected =
            [(Scenario::Rollout, Served::Node), (Scenario::Kill, Served::Bundled), (Scenario::Kill, Served::Node)];
        assert_eq!(lines.len(), expected.len(), "{text}");
        for (line, (scenario, served)) in lines.iter().zip(expected) {
            assert!(line.starts_with(&format!("| {scenario} | {served} |")), "{text}");
        }
        assert!(text.starts_with("a\n") && text.ends_with("b\n") && !text.contains("| 1 | 0 | 0 |"), "{text}");
    }
}
