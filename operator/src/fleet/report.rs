//! PURE: what one server says of itself, read from its `/status`. A server may be of another version than the operator,
//! and its clients are strangers: unknown fields are passed over and every text is cut.

use serde::Deserialize;

/// What one server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Report {
    /// Generation of the policy in force; none before the first.
    #[serde(rename = "policyGeneration")]
    pub generation: Option<i64>,
    /// What is wrong with a newer policy that is not in force.
    #[serde(rename = "policyProblems")]
    pub problems: Vec<String>,
    /// Open connections.
    pub connections: u64,
    /// The origins that it denied most often.
    #[serde(rename = "deniedOrigins")]
    pub denied: Vec<Denied>,
    /// Whether it reaches the backplane; none without one.
    pub backplane: Option<Backplane>,
}

/// Whether a server reaches the backplane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Backplane {
    /// Whether it does.
    pub connected: bool,
    /// Why not: one of few words.
    pub reason: Option<String>,
    /// Why not, for people.
    pub message: Option<String>,
}

/// An origin that was denied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Denied {
    /// As received.
    pub origin: String,
    /// How often.
    pub count: u64,
    /// When last, RFC 3339.
    pub last_seen: String,
    /// Why.
    pub reason: String,
    /// The mistake it looks like.
    pub hint: String,
    /// What to change.
    pub message: String,
}

const TABLE: usize = 10;
// With ten lines of these the whole status stays below 16 KiB, whatever has to be escaped in JSON.
const ORIGIN: usize = 200;
const MESSAGE: usize = 300;
const WORD: usize = 64;

impl Report {
    /// Reads the answer of `/status`.
    ///
    /// # Errors
    /// When it is not such an answer.
    pub fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        let mut report: Self = serde_json::from_slice(body)?;
        report.denied.truncate(TABLE);
        report.problems.truncate(TABLE);
        report.problems.iter_mut().for_each(|problem| cut(problem, MESSAGE));
        if let Some(Backplane { connected: _, reason, message }) = &mut report.backplane {
            reason.iter_mut().for_each(|reason| cut(reason, WORD));
            message.iter_mut().for_each(|message| cut(message, MESSAGE));
        }
        for denied in &mut report.denied {
            cut(&mut denied.origin, ORIGIN);
            cut(&mut denied.message, MESSAGE);
            for word in [&mut denied.last_seen, &mut denied.reason, &mut denied.hint] {
                cut(word, WORD);
            }
        }
        Ok(report)
    }
}

fn cut(text: &mut String, longest: usize) {
    text.truncate(text.floor_char_boundary(longest));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_stranger_sends_cannot_grow_a_report() {
        let denied: Vec<_> =
            (0..100).map(|i| json!({"origin": "é".repeat(4000), "count": i, "message": "x".repeat(9000)})).collect();
        let report =
            Report::read(json!({"policyGeneration": 4, "deniedOrigins": denied, "news": 1}).to_string().as_bytes())
                .expect("read");
        assert_eq!(report.generation, Some(4));
        assert_eq!(report.denied.len(), TABLE);
        assert!(report.denied.iter().all(|denied| denied.origin.len() <= ORIGIN && denied.message.len() <= MESSAGE));
    }
}
