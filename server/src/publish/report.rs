//! What `/status` says about publishing by programs.

use serde::Serialize;

use super::Publish;

/// Whether programs can publish, and why not.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    listening: Option<String>,
    /// Why nobody may publish by HTTP.
    token_problem: Option<String>,
    queue: Option<QueueReport>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct QueueReport {
    connected: bool,
    reason: Option<&'static str>,
    message: Option<String>,
    since: String,
    length: u64,
    pending: u64,
    dead_letters: u64,
}

impl Report {
    pub(super) fn of(publish: &Publish) -> Self {
        let queue = publish.queue.as_ref().map(|queue| {
            let state = queue.state().borrow().clone();
            QueueReport {
                connected: state.problem.is_none(),
                reason: state.problem.as_ref().map(|problem| problem.reason.as_str()),
                message: state.problem.map(|problem| problem.message),
                since: humantime::format_rfc3339_seconds(state.since).to_string(),
                length: state.length,
                pending: state.pending,
                dead_letters: publish.numbers.dead_letters(),
            }
        });
        Self {
            listening: publish.address.map(|address| address.to_string()),
            token_problem: publish.tokens.as_ref().and_then(|tokens| tokens.problem()),
            queue,
        }
    }
}
