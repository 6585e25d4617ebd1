//! The figures as people read them.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    account::Account,
    scenario::{Scenario, Served},
};

const BEGIN: &str = "<!-- lifetime: begin -->\n";
const END: &str = "<!-- lifetime: end -->";

/// What happened once.
pub struct Row {
    pub served: Served,
    pub scenario: Scenario,
    pub clients: usize,
    pub account: Account,
}

impl Row {
    /// As a line of the table.
    pub fn line(&self) -> String {
        let Account { lost, duplicated, disordered, heard, recovered, joined, seconds, .. } = &self.account;
        let seconds_away = |part| self.account.away(part) as f64 / 1000.0;
        let codes = self.account.closes.iter().filter(|(code, _)| *code != "1006");
        let mut codes: Vec<_> = codes.map(|(code, count)| format!("{count} × {code}")).collect();
        codes.extend(self.account.told.iter().map(|(reason, count)| format!("{count} gaps: {reason}")));
        format!(
            "| {} | {} | {seconds} | {} | {} | {lost} | {duplicated} | {disordered} | {heard} | {recovered} / {joined} | {:.2} / {:.2} / {:.2} | {:.2} |",
            self.scenario,
            self.served,
            self.account.abnormal(),
            if codes.is_empty() { "0".to_owned() } else { codes.join(", ") },
            seconds_away(0.5),
            seconds_away(0.99),
            seconds_away(1.0),
            self.account.herd(),
        )
    }
}

/// The table.
pub fn of(rows: &[Row]) -> String {
    let clients = rows.first().map_or(0, |row| row.clients);
    let mut text = format!(
        "{clients} clients (socket.io-client 4, WebSocket, rooms of 10, each publishes every second).\n\n\
         | what happened | served by | s | closes with 1006 | other closes, and gaps that clients were told of | lost | twice | out of order | heard | came back as themselves / as strangers | s away p50 / p99 / max | most returns in a second, × mean |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    );
    for row in rows {
        text += &row.line();
        text.push('\n');
    }
    text
}

/// Puts it between the marks of a file.
pub fn write(file: &Path, rows: &[Row]) -> Result<()> {
    let text = fs::read_to_string(file)?;
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("there is no {}", BEGIN.trim()))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("there is no {END}"))?;
    Ok(fs::write(file, format!("{before}{BEGIN}{}{END}{after}", of(rows)))?)
}
