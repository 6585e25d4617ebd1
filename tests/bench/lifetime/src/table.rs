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
    let (clients, every) = rows.first().map_or((0, 0.0), |row| (row.clients, row.every as f64 / 1000.0));
    let mut text = format!(
        "{clients} clients (socket.io-client 4, WebSocket, rooms of 10, each publishes every {every} s).\n\n\
         | what happened | served by | s | closes with 1006 | other closes, and gaps that clients were told of | lost | twice | out of order | heard | came back as themselves / as strangers | s away p50 / p99 / max | most returns in a second, × mean | publish to member p50 / p99 ms | a pod: cores / MiB |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    );
    for row in rows {
        text += &row.line();
        text.push('\n');
    }
    text
}

/// Puts it between the marks of a file.
pub fn write(file: &Path, mark: &str, rows: &[Row]) -> Result<()> {
    let text = fs::read_to_string(file)?;
    let (begin, end) = (format!("<!-- {mark}: begin -->\n"), format!("<!-- {mark}: end -->"));
    let (before, rest) = text.split_once(&begin).with_context(|| format!("there is no {}", begin.trim()))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("there is no {end}"))?;
    Ok(fs::write(file, format!("{before}{begin}{}{end}{after}", of(rows)))?)
}
