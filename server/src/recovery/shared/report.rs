//! What `/status` says about the backplane.

use realtime_backplane::Backplane;
use serde::Serialize;

use super::{Numbers, Peers};

/// Whether the backplane is there, and why not.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    connected: bool,
    reason: Option<&'static str>,
    message: Option<String>,
    since: String,
    lag_millis: u128,
    position: Option<String>,
    peers: usize,
    lost: u64,
    rotation_problem: Option<String>,
}

impl Report {
    pub(super) fn of(backplane: &Backplane, peers: &Peers, numbers: &Numbers) -> Self {
        let state = backplane.state().borrow().clone();
        Self {
            connected: state.problem.is_none(),
            reason: state.problem.as_ref().map(|problem| problem.reason.as_str()),
            message: state.problem.map(|problem| problem.message),
            since: humantime::format_rfc3339_seconds(state.since).to_string(),
            lag_millis: backplane.lag().as_millis(),
            position: backplane.position().map(|id| id.to_string()),
            peers: peers.count(),
            lost: numbers.all_lost(),
            rotation_problem: state.rotation.map(|problem| problem.to_string()),
        }
    }
}
